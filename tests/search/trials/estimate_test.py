"""What a study will take, before there is one."""

import pytest

from deeplab_nas import errors
from deeplab_nas.config import config as config_lib
from deeplab_nas.search.trials import driver, estimate, run
from tests.search.trials import run_test


def test_the_trials_that_fit_are_counted_by_length():
  limits = driver.Limits(None, 600.0, 2)
  found = estimate.Estimate(10.0, 0.1, (50, 400), limits)
  assert [found.trial_seconds(steps) for steps in (50, 400)] == [15, 50]
  assert [found.num_trials(steps) for steps in (50, 400)] == [80, 24]
  assert found.seconds == 600
  lines = dict(
    (line[:32].strip(), line[32:]) for line in found.to_text().splitlines()
  )
  assert lines['trials of 50 steps that fit'] == '80, 2 at a time'
  assert lines['trials of 400 steps that fit'] == '24, 2 at a time'
  assert lines['then trained again'] == 'nothing'
  assert lines['the whole search, about'] == '10 min 00 s'


def test_what_is_trained_again_takes_its_part():
  limits = driver.Limits(None, 600.0, 2)
  found = estimate.Estimate(10.0, 0.1, (400,), limits, final_seeds=4)
  assert (found.num_seeds, found.num_trials(400)) == (3, 18)
  assert '2 architectures, 3 seeds each' in found.to_text()


def test_steps_of_distillation_are_counted():
  limits = driver.Limits(None, 600.0, 2)
  found = estimate.Estimate(10.0, 0.1, (400,), limits, distil_steps=100)
  assert (found.trial_seconds(400), found.num_trials(400)) == (60, 20)
  assert 'distillation, at most           100 steps' in found.to_text()


def test_a_number_of_trials_is_kept():
  limits = driver.Limits(5, 600.0, 2)
  found = estimate.Estimate(10.0, 0.1, (400,), limits)
  assert found.num_trials(400) == 5
  assert found.seconds == 150


def test_scores_come_before_trials_and_take_their_time():
  scoring = estimate.Scoring(100, 0.5, number=21, score_seconds=2.0)
  limits = driver.Limits(5, None, 2)
  found = estimate.Estimate(10.0, 0.1, (400,), limits, scoring=scoring)
  assert found.seconds == 150 + 50 + 11 * 2
  assert found.to_text().startswith('hypernetwork, 100 steps')
  limits = driver.Limits(None, 172.0, 2)
  found = estimate.Estimate(10.0, 0.1, (400,), limits, scoring=scoring)
  assert found.num_trials(400) == 4


@pytest.mark.slow
def test_an_estimate_is_of_trials_that_ran(records):
  """In processes as a study has them; nothing is left."""
  config = config_lib.Config.from_dict(
    run_test.settings(records, parallel_trials=1, trial_steps=[4])
  )
  found = run.dry_run(config)
  assert 0 < found.step_seconds < found.start_seconds
  assert (found.lengths, found.limits.parallel) == ((4,), 1)
  wild = config.to_dict()
  wild['train'].update(learning_rate=1e30, ema_decay=None)
  with pytest.raises(errors.UserError, match='trial failed: nan'):
    run.dry_run(config_lib.Config.from_dict(wild))
