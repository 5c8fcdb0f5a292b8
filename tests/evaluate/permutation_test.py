"""Exact p-values, against all permutations counted by hand."""

import itertools

import numpy as np
import pytest

from deeplab_nas.evaluate import permutation


def counted(values, others):
  """Of all ways to choose the first values, those with as small a mean."""
  pool = [*values, *others]
  chosen = [np.mean(pick) for pick in itertools.combinations(pool, len(values))]
  # Of equal sums of floats.
  return np.mean(np.array(chosen) <= np.mean(values) + 1e-9)


@pytest.mark.parametrize(
  ('n', 'm', 'seed'), [(3, 3, 0), (4, 4, 1), (2, 7, 2), (1, 5, 3), (4, 1, 5)]
)
def test_p_is_the_share_of_permutations(n, m, seed):
  values = np.random.default_rng(seed).normal(size=n + m)
  found = permutation.p_of_less(values[:n], values[n:])
  assert found == pytest.approx(counted(values[:n], values[n:]))


def test_equal_values_are_equal_in_any_order():
  """Of architectures that two searches found, both have the same score."""
  rng = np.random.default_rng(0)
  for _ in range(100):
    known = np.round(0.8 + 0.01 * rng.random(5), 4)
    values, others = rng.choice(known, size=(2, 4))
    found = permutation.p_of_less(values, others)
    assert found == pytest.approx(counted(values, others)), (values, others)


def test_the_least_p_is_one_permutation():
  assert permutation.p_of_less([1, 2, 3, 4], [5, 6, 7, 8]) == 1 / 70
  assert permutation.p_of_less([5, 6, 7, 8], [1, 2, 3, 4]) == 1


def test_equal_values_say_nothing():
  assert permutation.p_of_less([1, 1], [1, 1]) == 1


@pytest.mark.parametrize(
  ('values', 'others', 'part'),
  [
    ([], [1], 'both sides'),
    ([1], [float('nan')], 'finite'),
    (range(15), range(15), '15 and 15'),
  ],
)
def test_what_cannot_be_tested_is_refused(values, others, part):
  with pytest.raises(ValueError, match=part):
    permutation.p_of_less(list(values), list(others))


def test_ranks_above_all_others_are_counted():
  """All orders of 2 and 3 values."""
  orders = list(itertools.permutations('aabbb'))
  for number in range(3):
    share = np.mean([order[:number] == ('a',) * number for order in orders])
    assert permutation.p_of_best(2, 3, number) == pytest.approx(share)
