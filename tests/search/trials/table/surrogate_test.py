"""The surrogate agrees with rows, and knows what it does not know."""

import numpy as np
import pytest

from deeplab_nas.search.trials.table import plan, protocol, rows, space
from deeplab_nas.search.trials.table import surrogate as surrogate_lib

STEPS = (1, 2)
NOISE = 0.3


def merit(genotype):
  """A loss of path and cell, of standard deviation near 1."""
  primitives = [primitive for b in genotype.cell for _, primitive in b]
  return np.mean(genotype.path) + primitives.count('skip_connect') - 2


def made_up(count=60, noise=NOISE):
  """A table whose short trials are noisier than its full ones."""
  table = rows.Table(protocol.Protocol(STEPS))
  rng = np.random.default_rng(0)
  for genotype in plan.randoms()[:count]:
    for steps in STEPS:
      loss = merit(genotype) + noise * rng.normal() * (3 - steps)
      key = rows.Key(genotype, steps, 0)
      table.append(rows.Row(key, 1.0, {'cross_entropy': loss}, 10.0 * steps))
  return table


@pytest.fixture(scope='module')
def surrogate():
  return surrogate_lib.Surrogate(made_up())


def test_it_predicts_architectures_that_have_no_row(surrogate):
  others = plan.randoms()[60:]
  mean = surrogate.mean()
  predicted = [mean[surrogate_lib.place(g)][-1] for g in others]
  assert np.corrcoef(predicted, list(map(merit, others)))[0, 1] > 0.9


def test_it_learns_what_is_noise(surrogate):
  short, full = surrogate.noise
  assert 0.5 * NOISE < full < 1.5 * NOISE
  assert 1.5 < short / full < 2.5


def test_draws_spread_around_the_mean_and_less_where_there_are_rows(surrogate):
  draws = np.stack(
    [surrogate.draw(np.random.default_rng(i))[..., -1] for i in range(24)]
  )
  mean, sd = surrogate.mean()[..., -1], draws.std(0)
  assert mean.shape == (233, 648)
  off = (draws.mean(0) - mean) / (sd / np.sqrt(len(draws)))
  assert 0.8 < off.std() < 1.3
  known = [sd[surrogate_lib.place(g)] for g in plan.randoms()[:60]]
  assert np.mean(known) < 0.9 * sd.mean()


def test_equal_seeds_give_equal_draws(surrogate):
  first, second, other = (
    surrogate.draw(np.random.default_rng(i)) for i in (1, 1, 2)
  )
  np.testing.assert_array_equal(first, second)
  assert np.abs(first - other).max() > 0.01


def test_a_place_is_that_of_lists_of_the_space():
  for genotype in plan.randoms()[:9]:
    path, cell = surrogate_lib.place(genotype)
    assert space.paths()[path] == genotype.path
    assert space.cells()[cell] == genotype.cell
