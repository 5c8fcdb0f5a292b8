"""Trials that are looked up."""

import numpy as np
import pytest

from deeplab_nas.search.trials import random, strategy
from deeplab_nas.search.trials.table import lookup, plan, rows, space, surrogate
from tests.search.trials import studies
from tests.search.trials.table import surrogate_test

KNOWN, *_, UNKNOWN = plan.randoms()
SHORT, FULL = map(strategy.Fidelity, surrogate_test.STEPS)


@pytest.fixture(scope='module')
def table():
  made = surrogate_test.made_up(20)
  key = rows.Key(KNOWN, 2, 1)
  made.append(rows.Row(key, 1.0, {'cross_entropy': 9.0}, 25.0))
  key = rows.Key(plan.randoms()[1], 2, 0)
  made.append(rows.Row(key, 1.0, None, 3.0, failure='nan'))
  return made


@pytest.fixture(scope='module')
def evaluator(table):
  made = surrogate.Surrogate(surrogate_test.made_up(20))
  return lookup.TableEvaluator(table, made, np.random.default_rng(0))


def test_what_is_in_the_table_is_one_of_its_rows_by_the_seed(evaluator, table):
  wanted = [row for row in table if row.key[:2] == (KNOWN, 2)]
  proposal = strategy.Proposal(KNOWN, FULL)
  found = [evaluator(proposal, seed) for seed in range(20)]
  assert all(looked.is_measured for looked in found)
  assert {
    (looked.scores['cross_entropy'], looked.seconds) for looked in found
  } == {(row.scores['cross_entropy'], row.seconds) for row in wanted}
  assert evaluator(proposal, 3) == evaluator(proposal, 3)


def test_a_row_that_failed_fails(evaluator):
  found = evaluator(strategy.Proposal(plan.randoms()[1], FULL), 0)
  # Its place is that of the row of the same trial that had succeeded.
  assert (found.scores, found.failure) == (None, 'nan')
  assert found.seconds == 3.0


def test_what_is_not_is_marked_and_noisy_around_the_landscape(evaluator):
  proposal = strategy.Proposal(UNKNOWN, FULL)
  found = [evaluator(proposal, seed) for seed in range(200)]
  assert not any(looked.is_measured for looked in found)
  losses = [looked.scores['cross_entropy'] for looked in found]
  assert (
    abs(np.mean(losses) - evaluator.loss(UNKNOWN)) < 4 * np.std(losses) / 14
  )
  assert np.std(losses) > 0.05
  assert {looked.seconds for looked in found} == {20.0}
  assert evaluator(strategy.Proposal(UNKNOWN, SHORT), 0).seconds == 10.0


def test_a_fidelity_that_the_table_lacks_is_refused(evaluator):
  with pytest.raises(ValueError):
    evaluator(strategy.Proposal(UNKNOWN, studies.FULL), 0)


def test_the_least_loss_is_that_of_the_best_of_all(evaluator):
  where = np.unravel_index(
    evaluator.losses[..., -1].argmin(), evaluator.losses.shape[:2]
  )
  best = type(KNOWN)(space.paths()[where[0]], space.cells()[where[1]])
  assert evaluator.loss(best) == evaluator.least
  assert evaluator.share_of_better(best) == 0
  shares = [evaluator.share_of_better(g) for g in plan.randoms()]
  assert 0.4 < np.mean(shares) < 0.6


def test_strategies_can_propose_for_it(evaluator):
  study = evaluator.study()
  proposal = random.Random(study, None).propose([], np.random.default_rng(0))
  assert np.isfinite(evaluator(proposal, 0).scores['cross_entropy'])
