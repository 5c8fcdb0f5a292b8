"""An outcome is read back whole, by the trial whose it is alone."""

import math

import pytest

from deeplab_nas.search.trials import outcome


def test_it_is_read_back_as_it_was_written(tmp_path):
  written = outcome.Outcome(
    'key',
    {'cross_entropy': 1 / 3},
    seconds=1.5,
    losses=(0.5, 0.25),
    class_iou={'sky': 0.5},
    constant={'name': 'sky', 'miou': 0.1},
    approximate=('a source',),
    distil_losses=(0.75,),
    device='a CPU',
    code='1.0, commit 12',
    data='34',
  )
  written.save(tmp_path / 'outcome.json')
  assert outcome.Outcome.load(tmp_path / 'outcome.json', 'key') == written


def test_many_steps_are_read_back(tmp_path):
  losses = tuple(1 / 3 + i for i in range(100_000))
  outcome.Outcome('key', losses=losses).save(tmp_path / 'o')
  assert outcome.Outcome.load(tmp_path / 'o', 'key').losses == losses


def test_a_class_that_was_not_there_stays_nan(tmp_path):
  outcome.Outcome('key', class_iou={'sky': math.nan}).save(tmp_path / 'o')
  found = outcome.Outcome.load(tmp_path / 'o', 'key')
  assert math.isnan(found.class_iou['sky'])


@pytest.mark.parametrize('content', ['', '{', '[]', '{"key": "key"}', 'null'])
def test_what_is_no_outcome_is_none(tmp_path, content):
  (tmp_path / 'o').write_text(content)
  assert outcome.Outcome.load(tmp_path / 'o', 'key') is None


def test_that_of_another_trial_is_none(tmp_path):
  outcome.Outcome('key').save(tmp_path / 'o')
  assert outcome.Outcome.load(tmp_path / 'o', 'other') is None
  assert outcome.Outcome.load(tmp_path / 'missing', 'key') is None
  assert outcome.Outcome.load(tmp_path / 'o').key == 'key'
