"""How far scores would move with other images of the same kind.

Images are drawn with replacement, as many as there are, and scored together,
again and again; an interval holds the middle 95 % of these scores. Seeds are
fixed: the same evaluation has the same interval.

References:
  Efron and Tibshirani, An Introduction to the Bootstrap, ch. 13 (percentile
  intervals) and 15 (permutation tests)
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import numpy as np

from deeplab_nas.evaluate import image_counts

LEVEL = 0.95
RESAMPLES = 2000
_SEED = 0
_CHUNK = 100  # resamples at a time


@dataclasses.dataclass(frozen=True)
class Intervals:
  """Intervals of one evaluation.

  Attributes:
    miou: float64 [2], low and high; NaN where fewer than two images are known.
    class_iou: float64 [2, C].
  """

  miou: np.ndarray
  class_iou: np.ndarray


@dataclasses.dataclass(frozen=True)
class Difference:
  """By how much evaluation B is better than A on the same images.

  Attributes:
    miou: Mean IoU of B less that of A.
    miou_interval: float64 [2].
    class_iou: float64 [C], the same of each class.
    class_interval: float64 [2, C].
    p_value: How often the mean IoU would differ as much if it were a matter of
      chance which network an image's result is from.
  """

  miou: float
  miou_interval: np.ndarray
  class_iou: np.ndarray
  class_interval: np.ndarray
  p_value: float


def intervals(counts: np.ndarray) -> Intervals:
  """Intervals of the IoU from counts of images, int64 [N, 3, C]."""
  if len(counts) < 2:
    return Intervals(np.full(2, np.nan), np.full([2, counts.shape[-1]], np.nan))
  ious = np.concatenate(
    [_ious(weights, counts) for weights in _resamples(len(counts))]
  )
  return Intervals(_middle(image_counts.mean_of_known(ious)), _middle(ious))


def difference(a: np.ndarray, b: np.ndarray) -> Difference:
  """Compares two evaluations of the same images.

  A resample draws the same images for both; a permutation swaps the results of
  each image with probability 1/2. Classes without IoU in one of them have no
  difference; means are each over the classes that it has.

  Args:
    a: int64 [N, 3, C], in the same order as `b`.
    b: int64 [N, 3, C].
  """
  class_draws, mean_draws = [], []
  for weights in _resamples(len(a)):
    of_a, of_b = _ious(weights, a), _ious(weights, b)
    class_draws.append(of_b - of_a)
    mean_draws.append(
      image_counts.mean_of_known(of_b) - image_counts.mean_of_known(of_a)
    )
  whole = np.ones([1, len(a)])
  of_a, of_b = _ious(whole, a)[0], _ious(whole, b)[0]
  means = [float(image_counts.mean_of_known(x)) for x in (of_a, of_b)]
  return Difference(
    means[1] - means[0],
    _middle(np.concatenate(mean_draws)),
    of_b - of_a,
    _middle(np.concatenate(class_draws)),
    _p_value(a, b, means[1] - means[0]),
  )


def _p_value(a: np.ndarray, b: np.ndarray, observed: float) -> float:
  """Two-sided, of swaps drawn at random; the observed one counts as one."""
  if np.isnan(observed):
    return np.nan
  generator = np.random.default_rng(_SEED + 1)
  as_extreme = 1
  for start in range(0, RESAMPLES, _CHUNK):
    size = min(_CHUNK, RESAMPLES - start), len(a)
    is_swapped = generator.integers(2, size=size).astype(np.float64)
    sums = [
      image_counts.weighted_sums(is_swapped, y)
      + image_counts.weighted_sums(1 - is_swapped, x)
      for x, y in ((a, b), (b, a))
    ]
    means = [image_counts.mean_of_known(image_counts.iou(x)) for x in sums]
    gaps = np.abs(means[1] - means[0])
    as_extreme += np.count_nonzero(gaps >= abs(observed) - 1e-12)
  return as_extreme / (RESAMPLES + 1)


def _resamples(num_images: int) -> Iterator[np.ndarray]:
  """How often each image was drawn, float64 [up to _CHUNK, N]."""
  generator = np.random.default_rng(_SEED)
  shares = np.full(num_images, 1 / max(num_images, 1))
  for start in range(0, RESAMPLES, _CHUNK):
    size = min(_CHUNK, RESAMPLES - start)
    yield generator.multinomial(num_images, shares, size).astype(np.float64)


def _ious(weights: np.ndarray, counts: np.ndarray) -> np.ndarray:
  return image_counts.iou(image_counts.weighted_sums(weights, counts))


def _middle(draws: np.ndarray) -> np.ndarray:
  """The quantiles of draws [R, ...], [2, ...]; NaN where none is known."""
  has_any = ~np.isnan(draws).all(0)
  filled = np.where(has_any, draws, 0)
  tail = (1 - LEVEL) / 2
  result = np.nanquantile(filled, [tail, 1 - tail], axis=0)
  return np.where(has_any, result, np.nan)
