"""Every strategy but the baseline is better than it at equal trials."""

import numpy as np
import pytest

from benchmarks import landscapes, races
from tests.search.trials import studies

NUM_TRIALS = 60
# Of each kind of landscape.
SEEDS = range(5)
# What learns from scores without a training: see its own test.
SCORED = ('graph_hypernetwork',)
# What fits a model for each proposal takes its time.
LONG = ('bayesian', 'halving', 'pnas')
# The baseline, and `bayesian` with a kernel that takes long to learn.
NOT_RACED = {'random', 'esnac', *SCORED}
EVERY = pytest.mark.parametrize(
  'name',
  [
    pytest.param(name, marks=[pytest.mark.slow] if name in LONG else [])
    for name in sorted(studies.STRATEGIES.keys() - NOT_RACED)
  ],
)


def qualities(name):
  """The loss of what it finds, on every landscape."""
  found = []
  for kind in landscapes.KINDS:
    for seed in SEEDS:
      task = studies.task(studies.MIDDLE, kind, seed)
      search = studies.build(name, task.study)
      trials = races.run(task, search, 400 * NUM_TRIALS, seed)
      assert len(trials) == NUM_TRIALS
      found.append(task.quality(search, trials))
  return found


@pytest.fixture(scope='module')
def baseline():
  return qualities('random')


@EVERY
def test_it_is_better_than_random(name, baseline):
  """Its losses, paired with those of random search on the same landscapes.

  By chance this fails for one strategy in twenty that is no better.
  """
  rng = np.random.default_rng(0)
  assert races.permutation_p(qualities(name), baseline, rng) < 0.05


@EVERY
def test_in_a_small_space_it_comes_near_the_optimum(name):
  """Within the best tenth of the space after a third of it, in the median."""
  ranks = []
  for seed in range(5):
    task = studies.task(studies.TINY, 'target', seed)
    search = studies.build(name, task.study)
    trials = races.run(task, search, 400 * 17, seed)
    losses = sorted(map(task.losses[0], EVERYTHING))
    ranks.append(losses.index(task.quality(search, trials)))
  assert np.median(ranks) < len(EVERYTHING) / 10


EVERYTHING = studies.genotypes(studies.TINY, 52)
