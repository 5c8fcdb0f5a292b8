"""Skips and pools are counted once, by one limit."""

import numpy as np
import pytest

from deeplab_nas.space import collapse, genotype, search_space, zoo

SKIP, POOL = ('prev', 'skip_connect'), ('prev_prev', 'max_pool_3x3')
MEAN, CONV = ('prev', 'avg_pool_3x3'), ('prev_prev', 'sep_conv_3x3')
NONE = ('prev', 'none')


@pytest.mark.parametrize(
  'cell, fraction',
  [
    (((SKIP, POOL),), 1),
    (((MEAN, CONV),), 0.5),
    (((NONE, CONV),), 0),
    (((SKIP, CONV), (CONV, NONE)), 0.25),
    (((SKIP, POOL), (MEAN, CONV)), 0.75),
  ],
)
def test_skips_and_both_pools_count_and_no_connection_does_not(cell, fraction):
  found = genotype.Genotype((0,), cell)
  assert collapse.parameter_free_fraction(found) == fraction
  assert collapse.num_parameter_free(found) == fraction * 2 * len(cell)
  assert collapse.is_collapsed(found) == (fraction >= 0.5)


def test_the_published_networks_have_not_collapsed():
  assert collapse.parameter_free_fraction(zoo.load('auto_deeplab')) == 0
  assert not any(collapse.is_collapsed(zoo.load(name)) for name in zoo.names())


def test_a_random_architecture_is_below_the_limit_on_average():
  space, rng = search_space.SearchSpace(), np.random.default_rng(0)
  fractions = [
    collapse.parameter_free_fraction(space.random(rng)) for _ in range(300)
  ]
  assert np.mean(fractions) == pytest.approx(3 / 7, abs=0.03)
