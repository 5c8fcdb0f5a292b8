"""How well one score ranks architectures as another does, and what could.

Everywhere less is better, and so an agreement is positive.

References:
  Kendall, The treatment of ties in ranking problems (tau-b),
  https://doi.org/10.1093/biomet/33.3.239
  Efron and Tibshirani, An Introduction to the Bootstrap, ch. 13 (percentile
  intervals)
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import scipy.stats

LEVEL = 0.95
RESAMPLES = 1000
# Architectures of which a tau says something.
FEW = 5
_TOP = 0.2
_SEED = 0
# Pairs of seeds that are drawn of each architecture.
_PAIRINGS = 100


class Tau(NamedTuple):
  """Kendall's tau-b, in [-1, 1], and how far it would move.

  Attributes:
    value: NaN of fewer than five architectures, or where all have one score.
    low: Of the interval that holds the middle 95 % of what other
      architectures of the same kind would give.
    high: Likewise.
    p_value: How often chance would rank as well or better; NaN if unknown.
    count: Architectures.
  """

  value: float
  low: float
  high: float
  p_value: float
  count: int


class Pearson(NamedTuple):
  """Pearson's correlation, in [-1, 1], and how far it would move.

  Attributes:
    value: NaN of fewer than five architectures, or where all have one score.
    low: As in `Tau`.
    high: Likewise.
  """

  value: float
  low: float
  high: float


def overall(scores: Sequence[float], results: Sequence[float]) -> Tau:
  """Of all architectures.

  Args:
    scores: Of each, by what is asked whether it ranks.
    results: Of each, by trainings, in the same order.
  """
  x, y = np.asarray(scores, float), np.asarray(results, float)
  return Tau(
    _tau(x, y),
    *_interval(lambda drawn: _tau(x[drawn], y[drawn]), len(x)),
    _p_value(x, y),
    len(x),
  )


def pearson(scores: Sequence[float], results: Sequence[float]) -> Pearson:
  """Of all architectures, see `overall`."""
  x, y = np.asarray(scores, float), np.asarray(results, float)
  return Pearson(
    _pearson(x, y),
    *_interval(lambda drawn: _pearson(x[drawn], y[drawn]), len(x)),
  )


def top_fifth(scores: Sequence[float], results: Sequence[float]) -> Tau:
  """Of the fifth with the best results alone, see `overall`.

  A resample has a best fifth of its own.
  """
  x, y = np.asarray(scores, float), np.asarray(results, float)

  def tau(drawn: np.ndarray) -> float:
    best = drawn[top(y[drawn])]
    return _tau(x[best], y[best])

  best = top(y)
  everyone = np.arange(len(y))
  return Tau(
    tau(everyone),
    *_interval(tau, len(y)),
    _p_value(x[best], y[best]),
    len(best),
  )


def top(results: Sequence[float]) -> np.ndarray:
  """Indices of the best fifth, rounded up, the best first."""
  count = math.ceil(_TOP * len(results))
  return np.argsort(results, kind='stable')[:count]


def ceiling(results: Sequence[Sequence[float]]) -> Tau | None:
  """Of trainings with other trainings of the same architectures.

  No score can be expected to agree more with one training of each than another
  training does. The mean over many choices of two seeds for each architecture.

  Args:
    results: Of each architecture one result for each of its seeds.

  Returns:
    Of those with two seeds or more; None if they are fewer than five.
  """
  several = [values for values in results if len(values) > 1]
  if len(several) < FEW:
    return None
  rng = np.random.default_rng(_SEED)
  pairs = np.array(
    [
      [rng.permutation(values)[:2] for values in several]
      for _ in range(_PAIRINGS)
    ]
  )  # [pairings, architectures, 2]
  turns = iter(range(RESAMPLES))

  def tau(drawn: np.ndarray) -> float:
    pairing = pairs[next(turns) % _PAIRINGS]
    return _tau(*pairing[drawn].T)

  low, high = _interval(tau, len(several))
  value = float(np.mean([_tau(*pairing.T) for pairing in pairs]))
  return Tau(value, low, high, np.nan, len(several))


def _tau(x: np.ndarray, y: np.ndarray) -> float:
  return float(scipy.stats.kendalltau(x, y)[0]) if _varied(x, y) else np.nan


def _pearson(x: np.ndarray, y: np.ndarray) -> float:
  return float(np.corrcoef(x, y)[0, 1]) if _varied(x, y) else np.nan


def _varied(x: np.ndarray, y: np.ndarray) -> bool:
  """Whether there is something to correlate."""
  return len(x) >= FEW and np.ptp(x) > 0 and np.ptp(y) > 0


def _p_value(x: np.ndarray, y: np.ndarray) -> float:
  if np.isnan(_tau(x, y)):
    return np.nan
  return float(scipy.stats.kendalltau(x, y, alternative='greater')[1])


def _interval(
  statistic: Callable[[np.ndarray], float], count: int
) -> tuple[float, float]:
  """The middle of what resamples give; NaN where none gives anything.

  Args:
    statistic: Of the indices of architectures, int64 [count].
    count: Architectures.
  """
  if count < FEW:
    return np.nan, np.nan
  rng = np.random.default_rng(_SEED)
  draws = np.array(
    [statistic(rng.integers(count, size=count)) for _ in range(RESAMPLES)]
  )
  known = draws[~np.isnan(draws)]
  if not len(known):
    return np.nan, np.nan
  tail = (1 - LEVEL) / 2
  low, high = np.quantile(known, [tail, 1 - tail])
  return float(low), float(high)
