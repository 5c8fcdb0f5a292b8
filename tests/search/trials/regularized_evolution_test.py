"""Algorithm 1 of the paper, step by step."""

import numpy as np

from deeplab_nas.config import strategies as config_strategies
from deeplab_nas.search.trials import neighbours, regularized_evolution
from tests.search.trials import studies

STUDY = studies.task(studies.MIDDLE).study


def propose(trials, seed=0, population_size=4, sample_size=2):
  search = regularized_evolution.RegularizedEvolution(
    STUDY,
    config_strategies.RegularizedEvolutionConfig(population_size, sample_size),
  )
  return search.propose(trials, np.random.default_rng(seed))


def lives(losses):
  genotypes = studies.genotypes(studies.MIDDLE, len(losses))
  return [
    studies.trial(i, genotype, loss)
    for i, (genotype, loss) in enumerate(zip(genotypes, losses))
  ]


def test_the_first_ones_are_random_until_the_population_is_full():
  trials = lives([0.1, 0.2, 0.3, 0.4])
  assert propose(trials[:3]).parent is None
  assert propose(trials).parent is not None


def test_a_child_is_a_neighbour_of_its_parent():
  trials = lives([0.1, 0.2, 0.3, 0.4])
  for seed in range(5):
    child = propose(trials, seed)
    parent = trials[child.parent].genotype
    around = neighbours.neighbours(studies.MIDDLE, parent)
    assert child.genotype in around


def test_the_oldest_have_died_however_good_they_were():
  trials = lives([0.0, 0.1, 0.5, 0.6, 0.7, 0.8])
  parents = {propose(trials, seed).parent for seed in range(40)}
  assert parents == {2, 3, 4, 5}


def test_the_best_of_a_sample_with_replacement_is_the_parent():
  """Of 4, the k-th best wins by a share of ((5-k)^2 - (4-k)^2) / 16."""
  trials = lives([0.1, 0.2, 0.3, 0.4])
  parents = [propose(trials, seed).parent for seed in range(800)]
  shares = np.bincount(parents, minlength=4) / 800
  np.testing.assert_allclose(shares, np.array([7, 5, 3, 1]) / 16, atol=0.055)


def test_failed_trials_never_live_and_pending_ones_not_yet():
  trials = lives([0.1, 0.2, 0.3, 0.4])
  dead = studies.trial(4, trials[0].genotype, failure='nan')
  unborn = studies.trial(5, trials[1].genotype)
  parents = {propose([*trials, dead, unborn], s).parent for s in range(40)}
  assert parents == {0, 1, 2, 3}


def test_pending_ones_fill_the_population_so_that_nobody_waits():
  trials = lives([0.1, 0.2])
  pending = [
    studies.trial(i, genotype)
    for i, genotype in enumerate(studies.genotypes(studies.MIDDLE, 4)[2:], 2)
  ]
  assert propose([*trials, *pending[:1]]).parent is None
  assert propose([*trials, *pending]).parent in (0, 1)
