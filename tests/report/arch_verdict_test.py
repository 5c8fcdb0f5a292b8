"""The words fit the evidence."""

import dataclasses

import numpy as np

from deeplab_nas.report import arch_evidence, arch_verdict, decode_agreement
from deeplab_nas.space import arch_weights, search_space, zoo

SPACE = search_space.SearchSpace()
PUBLISHED = zoo.load('auto_deeplab')
WEIGHTS = arch_weights.one_hot(PUBLISHED, SPACE)
NOISE = arch_evidence.Against(0.19, 0.19, 0.01)
SIGNAL = arch_evidence.Against(0.39, 0.19, 0.01)


def evidence(alpha=NOISE, beta=NOISE, connections=0, layers=0, halves=SIGNAL):
  decided = np.zeros([5, 2], bool)
  decided.flat[:connections] = True
  return arch_evidence.Evidence(
    352,
    64,
    {'alpha': alpha, 'beta': beta},
    {'alpha': halves, 'beta': halves},
    decided,
    np.arange(12) < layers,
    np.ones([5, 2], bool),
    np.ones(12, bool),
  )


def text(*args, **kwargs):
  return arch_verdict.describe(*args, WEIGHTS, SPACE, PUBLISHED.path, **kwargs)


def told(*args, **kwargs):
  """In one line, for where it breaks is no matter."""
  return ' '.join(text(*args, **kwargs).split())


def test_noise_is_called_undetermined_with_what_to_do():
  shown = told(evidence())
  assert 'This architecture is undetermined: noise alone' in shown
  assert 'alpha moved by 0.1900, noise by 0.1900 +- 0.0100 (+0.0 sd)' in shown
  for advice in ('search.epochs', 'data.batch_size', 'random architectures'):
    assert advice in shown
  assert 'Decided are 0 of 22 choices (0 %)' in shown


def test_a_part_is_described_choice_by_choice():
  shown = text(evidence(alpha=SIGNAL, connections=2, layers=3))
  assert '(+20.0 sd): learnt' in shown
  assert 'Decided are 5 of 22 choices (23 %): 2 of 10 connections' in shown
  assert '3 of 12 layers' in shown
  assert 'The rest is undetermined' in shown
  strides = [SPACE.lattice.strides[level] for level in PUBLISHED.path]
  marks = ['*'] * 3 + ['?'] * 9
  row = ' '.join(f'{stride}{mark}' for stride, mark in zip(strides, marks))
  assert f'strides of the layers: {row}' in shown
  rows = [line for line in shown.splitlines() if 'block_' in line]
  assert sum(line.count('*') for line in rows) == 2
  assert sum(line.count('?') for line in rows) == 8
  # The blocks are those of the genotype's own text.
  for line, block in zip(rows, PUBLISHED.cell):
    names = {
      f'{s} {p}' for s, p in (t.rstrip('*?').split() for t in _terms(line))
    }
    assert names == {f'{source} {primitive}' for source, primitive in block}


def _terms(line):
  return line.split(':')[1].strip().split(', ')


def test_what_all_was_decided_needs_no_advice():
  shown = told(evidence(SIGNAL, SIGNAL, connections=10, layers=12))
  assert 'All of it was decided' in shown
  assert 'undetermined.' in shown and 'is undetermined' not in shown
  assert 'search.epochs' not in shown


def test_little_that_was_learnt_is_not_called_noise():
  shown = told(evidence(alpha=SIGNAL))
  assert 'is undetermined: alpha learnt something, but too little' in shown
  assert 'noise alone' not in shown


def test_a_space_of_one_architecture_left_no_choice():
  none = np.zeros([5, 2], bool), np.zeros(12, bool)
  seen = arch_evidence.Evidence(352, 64, {}, {}, *none, *none)
  shown = told(seen)
  assert 'so that there was no choice' in shown
  assert 'beta: the loss sees nothing of it' in shown
  assert 'alpha: the loss sees nothing of it' in shown
  assert 'architecture is undetermined' not in shown
  assert 'search.epochs' not in shown


def test_halves_that_do_not_confirm_are_a_doubt():
  seen = evidence(SIGNAL, SIGNAL, connections=10, layers=12)
  assert 'do not confirm' not in told(seen)
  doubtful = dataclasses.replace(seen, halves={'alpha': NOISE, 'beta': SIGNAL})
  assert 'Halves of split B do not confirm alpha:' in told(doubtful)


def test_the_last_epochs_are_reported():
  agreement = 4, decode_agreement.Agreement(0.9, 0.75)
  shown = told(evidence(), agreement=agreement)
  assert (
    'the 4 epochs before decoded to 90 % of the connections and 75 % of the'
    ' layers'
  ) in shown


def test_what_was_not_measured_is_not_claimed():
  assert text(None) == arch_verdict.UNMEASURED


def test_lines_are_short_enough_to_read():
  for line in text(evidence()).splitlines():
    assert len(line) <= 100
