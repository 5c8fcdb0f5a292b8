"""How long a relaxed search may be, and what is noted of its time."""

import dataclasses
import json

import pytest

from deeplab_nas import errors
from deeplab_nas.config import config as config_lib
from deeplab_nas.search.contest import child


def config(budget):
  made = config_lib.Config()
  search = dataclasses.replace(
    made.search, epochs=10, arch_start_epoch=4, budget=budget
  )
  return dataclasses.replace(made, search=search)


def test_steps_fill_the_budget():
  """4 epochs of 1 s a step, 6 of 2 s: 16 s for one step in each."""
  assert child.affordable_steps(config('200s'), 40.0, 1.0, 1.0) == 10
  assert child.affordable_steps(config('57s'), 40.0, 1.0, 1.0) == 1
  assert child.affordable_steps(config('200s'), 40.0, 1.0, 1.0, 100.0) == 3


def test_later_steps_may_take_longer():
  """With 10 steps in each epoch the 60 of the strategy take 2 s, 220 s."""

  def cost(num_steps):
    return 1 + 100 / num_steps

  assert child.affordable_steps(config('260s'), 40.0, 1.0, 1.0, 0.0, cost) == 10
  assert child.affordable_steps(config('259s'), 40.0, 1.0, 1.0, 0.0, cost) == 9


def test_a_budget_without_a_step_is_refused():
  with pytest.raises(errors.UserError, match='10 epochs of one step take 56 s'):
    child.affordable_steps(config('55s'), 40.0, 1.0, 1.0)
  with pytest.raises(errors.UserError, match='56 s, and all scores .* 100 s'):
    child.affordable_steps(config('155s'), 40.0, 1.0, 1.0, 100.0)


def test_the_time_of_all_sessions_counts(tmp_path):
  run_dir = tmp_path / 'random_0'
  assert child.usage(run_dir) == 0
  path = tmp_path / f'random_0.{child.USAGE}'
  path.write_text(json.dumps({'1': 2.5, '2': 4.0}))
  assert child.usage(run_dir) == 6.5


def test_a_search_that_is_refused_says_so(tmp_path, capsys):
  made = config_lib.Config.from_dict({'search': {'strategy': 'random'}})
  path = tmp_path / 'config.yaml'
  path.write_text(made.to_yaml())
  assert child.main(str(path), str(tmp_path / 'run'), dies=False) == 2
  assert 'error: dataset.json does not exist' in capsys.readouterr().err
