"""Made-up losses are what they say."""

import itertools

import numpy as np
import pytest

from benchmarks import landscapes
from deeplab_nas.search.trials import neighbours
from tests.search.trials import studies

every = pytest.mark.parametrize('kind', landscapes.KINDS)


@every
def test_random_architectures_have_mean_0_and_deviation_1(kind):
  loss = landscapes.KINDS[kind](studies.MIDDLE, 3)
  values = [loss(g) for g in studies.genotypes(studies.MIDDLE, 400, seed=8)]
  assert abs(np.mean(values)) < 0.25 and abs(np.std(values) - 1) < 0.25


@every
def test_equal_seeds_are_equal_losses_and_others_are_independent(kind):
  genotypes = studies.genotypes(studies.MIDDLE, 150, seed=8)
  make = landscapes.KINDS[kind]
  losses = [make(studies.MIDDLE, seed) for seed in (0, *range(10))]
  rows = [[loss(genotype) for genotype in genotypes] for loss in losses]
  assert rows[0] == rows[1]
  table = np.corrcoef(rows[1:])
  pairs = [table[i, j] for i, j in itertools.combinations(range(10), 2)]
  assert abs(np.mean(pairs)) < 0.25 and max(pairs) < 0.95


@pytest.mark.parametrize('kind', ['target', 'rugged'])
@pytest.mark.parametrize('seed', range(3))
def test_nothing_is_below_the_optimum(kind, seed):
  loss = landscapes.KINDS[kind](studies.TINY, seed)
  found = min(neighbours.every(studies.TINY), key=loss)
  assert loss.least == loss(loss.optimum) == loss(found)


def test_a_rugged_one_has_minima_that_are_not_the_optimum():
  loss = landscapes.rugged(studies.TINY, 1)
  minima = [
    genotype
    for genotype in neighbours.every(studies.TINY)
    if all(
      loss(genotype) < loss(other)
      for other in neighbours.neighbours(studies.TINY, genotype)
    )
  ]
  assert len(minima) > 1


@pytest.mark.parametrize('correlation', [0.0, 0.3, 0.8])
def test_a_blend_has_the_correlation_that_is_asked_for(correlation):
  rng = np.random.default_rng(0)
  first, second = rng.normal(size=(2, 5000))
  blended = landscapes.blend(
    lambda i: first[i], lambda i: second[i], correlation
  )
  values = [blended(i) for i in range(5000)]
  assert np.corrcoef(values, first)[0, 1] == pytest.approx(
    correlation, abs=0.05
  )
