"""What else a search has found, read off its run folder."""

import dataclasses

import numpy as np
import pytest

from deeplab_nas import errors
from deeplab_nas.config import config as config_lib
from deeplab_nas.data import dataset_info
from deeplab_nas.run import continuation
from deeplab_nas.run import directory as run_directory
from deeplab_nas.search import pick
from deeplab_nas.space import arch_weights, decode, latency
from tests.search.trials.results import candidates_test

SETTINGS = (
  'space.num_layers=4',
  'space.num_blocks=2',
  'data.crop_size=[65, 97]',
  'network.filter_multiplier=6',
  'network.separable_head=true',
)


def make_search(path, settings=(), mode='search'):
  """A run folder as a search leaves it, with random weights."""
  config = config_lib.load('quickstart', [*SETTINGS, *settings])
  run = run_directory.RunDirectory.create(path)
  continuation.start(run, config, ['train.py'], mode)
  space = config.space.build()
  rng = np.random.default_rng(0)
  op = rng.dirichlet(np.ones(len(space.cell.primitives)), len(space.cell.edges))
  transition = rng.random(space.lattice.legal.shape) * space.lattice.legal
  total = transition.sum(-1, keepdims=True)
  transition = np.divide(transition, total, out=transition, where=total > 0)
  weights = arch_weights.ArchWeights(op, transition)
  arch_weights.save(weights, run.arch_weights)
  dataset_info.DatasetInfo.cityscapes().save(run.dataset)
  return run, weights


def test_the_best_without_limits_is_what_the_search_found(tmp_path):
  for score in decode.SCORES:
    run, weights = make_search(tmp_path / score, [f'search.decode={score}'])
    search = pick.read(run)
    (best,) = search.best(1)
    space = search.model.space
    assert best.genotype == decode.decode(weights, space, score)


def test_networks_are_counted_as_they_would_be_trained(tmp_path):
  run, _ = make_search(tmp_path)
  model = pick.read(run).model
  assert model.space.filter_multiplier == 6
  assert (model.num_classes, model.image_size) == (19, (65, 97))
  assert model.separable_head
  other = pick.read(run, image_size=(129, 129), filter_multiplier=2.5).model
  assert other.image_size == (129, 129)
  assert other.space.filter_multiplier == 2.5


def test_a_budget_is_kept_and_the_table_shows_it(tmp_path):
  run, _ = make_search(tmp_path)
  search = pick.read(run)
  (unlimited,) = search.best(1)
  budget = {
    'params': search.model.of(unlimited.genotype).params - 1,
    'macs': search.model.of(unlimited.genotype).macs - 1,
  }
  found = search.best(3, budget)
  scores = [candidate.score for candidate in found]
  assert scores == sorted(scores, reverse=True) and len(found) == 3
  for candidate in found:
    cost = search.model.of(candidate.genotype)
    assert cost.params <= budget['params'] and cost.macs <= budget['macs']
  table = pick.describe(search, found, unlimited, budget)
  title, _, *rows, notes = table.splitlines()
  assert 'F = 6 for 19 classes at 65 x 97 pixels, within ' in title
  assert [row[0] for row in rows] == ['*', ' ', ' ', '-']
  for row, candidate in zip(rows, [*found, unlimited]):
    words = row.replace('*', '').strip('- ').split()
    assert words[:2] == [candidate.genotype.digest, f'{candidate.score:.3f}']
    strides = (4 * 2**level for level in candidate.genotype.path)
    assert words[-1] == '-'.join(map(str, strides))
  assert notes.startswith('* picked, - the best without limits')


def test_what_is_within_the_limits_anyway_is_not_shown_twice(tmp_path):
  run, _ = make_search(tmp_path)
  search = pick.read(run)
  found = search.best(2)
  table = pick.describe(search, found, found[0], {})
  assert len(table.splitlines()) == 5
  assert 'within no limits' in table and 'without limits' not in table


def test_latencies_of_this_machine_are_a_limit_too(tmp_path):
  run, _ = make_search(tmp_path / 'run')
  model = dataclasses.replace(pick.read(run).model, image_size=(33, 65))
  rng = np.random.default_rng(0)
  table = latency.LatencyTable(
    latency.this_machine(),
    (33, 65),
    {
      op: float(rng.uniform(0.1, 1))
      for op in latency.required_operations([model.layers])
    },
  )
  file = tmp_path / 'latency.json'
  table.save(file)
  search = pick.read(run, latency_table=str(file))
  assert search.model.image_size == (33, 65)
  (free,) = search.best(1)
  most = search.model.measure(free.genotype, 'latency_ms') - 0.5
  (found,) = search.best(1, {'latency_ms': most})
  assert search.model.measure(found.genotype, 'latency_ms') <= most
  shown = pick.describe(search, [found], free, {'latency_ms': most})
  assert f'within {most:.3g} ms:' in shown
  assert f'latency on {latency.this_machine()}, with 1 thread.' in shown
  with pytest.raises(errors.UserError, match='33 x 65 pixels, not of 65 x 97'):
    pick.read(run, (65, 97), latency_table=str(file))


def test_what_cannot_be_picked_is_a_sentence(tmp_path):
  run, _ = make_search(tmp_path)
  search = pick.read(run)
  with pytest.raises(
    errors.UserError, match='at most 5 multiply-adds: the cheapest'
  ):
    search.best(1, {'macs': 5})
  with pytest.raises(errors.UserError, match='latency_ms needs a table'):
    search.best(1, {'latency_ms': 5})
  with pytest.raises(errors.UserError, match='filter_multiplier is 0.5'):
    pick.read(run, filter_multiplier=0.5)


def test_of_a_study_its_trials_are_shown_at_their_widths(tmp_path):
  run = candidates_test.make_study(tmp_path / 'run')
  search = pick.read(run)
  dearest = max(search.best(9), key=lambda each: each.cost('params'))
  dearest.genotype.save(run.genotype)
  search = pick.read(run)
  (found,) = search.best(1)
  assert found == dearest
  most = search.model_of(found).of(found.genotype).params - 1
  others = search.best(2, {'params': most})
  table = pick.describe(search, others, found, {'params': most})
  title, head, *rows, notes = table.splitlines()
  assert title.startswith('Networks as wide as they were tried, for 19 classes')
  assert head.split()[:5] == [
    'architecture',
    'cross-entropy',
    'mIoU',
    'steps',
    'F',
  ]
  assert [row[0] for row in rows] == ['*', ' ', '-']
  for row, each in zip(rows, [*others, found]):
    words = row.replace('*', '').strip('- ').split()
    assert words[:2] == [
      each.genotype.digest,
      f'{each.scores["cross_entropy"]:.4g}',
    ]
    assert words[4] == f'{search.width_of(each):g}'
  assert notes.startswith('* picked, - what the search found')
  line = pick.training_line(run, 'a.json', search, others[0])
  width = search.width_of(others[0])
  assert f' --set=network.filter_multiplier={width:g} ' in line


def test_the_training_of_a_pick_has_the_width_that_was_asked_for(tmp_path):
  run, _ = make_search(tmp_path)
  for width in (None, 2.5):
    search = pick.read(run, filter_multiplier=width)
    line = pick.training_line(run, 'a.json', search, search.best(1)[0])
    assert ('--set=network.filter_multiplier=2.5' in line) == bool(width)


def test_folders_without_a_search_are_refused(tmp_path):
  with pytest.raises(errors.UserError, match='nothing is no run folder'):
    pick.read(tmp_path / 'nothing')
  training, _ = make_search(tmp_path / 'train', mode='train')
  with pytest.raises(errors.UserError, match='the training of one'):
    pick.read(training)
  old, _ = make_search(tmp_path / 'old')
  old.arch_weights.unlink()
  with pytest.raises(
    errors.UserError, match='has no arch_weights.json and .* --r'
  ):
    pick.read(old)
  other, _ = make_search(tmp_path / 'other')
  other.arch_weights.write_text('{"version": 1, "op": [[1]]}')
  with pytest.raises(errors.UserError, match=r'op has shape \(1, 1\)'):
    pick.read(other)
