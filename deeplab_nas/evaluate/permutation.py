"""Whether two samples differ by more than chance: exact permutation tests.

Reference:
  Efron and Tibshirani, An Introduction to the Bootstrap, ch. 15
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import scipy.stats

# Ways to share out the values; all of them are computed.
_MOST = 1_000_000
_CHUNK = 10_000
# Of the range of the values, by which differences of means are still equal.
_TOLERANCE = 1e-9


def p_of_less(values: Sequence[float], others: Sequence[float]) -> float:
  """How often chance alone would make the first mean so much the smaller one.

  One-sided and exact: over all ways to call so many of the values the first.
  The least that it can be is 1 / comb(n + m, n): .05 for 3 and 3 values, .014
  for 4 and 4.

  Args:
    values: n of them, at least 1.
    others: m of them, at least 1.

  Returns:
    In (0, 1]; values that are all equal give 1.

  Raises:
    ValueError: If there are none, one is not finite, or there are too many to
      go through.
  """
  first, second = (np.asarray(x, float) for x in (values, others))
  if not (first.size and second.size):
    raise ValueError('expected values on both sides')
  if not (np.isfinite(first).all() and np.isfinite(second).all()):
    raise ValueError('expected finite values')
  if math.comb(first.size + second.size, first.size) > _MOST:
    raise ValueError(
      f'{first.size} and {second.size} values are too many for an exact test'
    )
  pool = np.concatenate([first, second])
  if first.size == 1:  # which SciPy does not take
    return float(np.mean(pool <= first))
  if second.size == 1:
    return float(np.mean(pool >= second))
  found = scipy.stats.permutation_test(
    (first, second),
    lambda a, b, axis: a.mean(axis) - b.mean(axis),
    vectorized=True,
    n_resamples=np.inf,
    batch=_CHUNK,
    alternative='less',
  )
  # SciPy's own tolerance is relative to the difference, and rounding is not.
  most = found.statistic + _TOLERANCE * np.ptp(pool)
  return float(np.mean(found.null_distribution <= most))


def p_of_best(num_first: int, num_others: int, num_better: int) -> float:
  """How often chance alone would rank so many of the first above all others.

  Whatever the distribution: of n + m values that are drawn alike, the best
  `num_better` are then all of the first n.

  Args:
    num_first: n.
    num_others: m.
    num_better: Of the first, at most n.
  """
  return math.comb(num_first, num_better) / math.comb(
    num_first + num_others, num_better
  )
