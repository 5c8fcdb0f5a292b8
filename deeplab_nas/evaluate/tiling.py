"""Segments an image in overlapping tiles, for images larger than memory.

Where tiles overlap, their probabilities are averaged with weights that fall
towards a tile's edges, where a network sees least around a pixel. Tiles go band
by band from the top, so that probabilities are held for one band only.

Reference:
  Ronneberger et al., U-Net (overlap-tile), https://arxiv.org/abs/1505.04597
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

Probabilities = Callable[[np.ndarray], np.ndarray]


def classes(
  probabilities: Probabilities, image: np.ndarray, tile: int, overlap: int
) -> np.ndarray:
  """The most probable classes, uint8 [H, W].

  Args:
    probabilities: Gives float32 [1, h, w, C] of uint8 [1, h, w, 3].
    image: uint8 [H, W, 3]. One that is no larger than a tile is segmented
      whole.
    tile: Height and width of a tile in pixels.
    overlap: Pixels that neighbouring tiles share at least; below `tile`.

  Raises:
    ValueError: If the overlap leaves no room to proceed.
  """
  if not 0 <= overlap < tile:
    raise ValueError(f'overlap is {overlap}, expected 0 to {tile - 1}')
  height, width = image.shape[:2]
  result = np.empty([height, width], np.uint8)
  tops = _starts(height, tile, overlap)
  band = None  # weighted sums of the rows from `top` on, float32 [tile, W, C]
  for top, next_top in zip(tops, tops[1:] + [height]):
    rows = _band(probabilities, image[top : top + tile], tile, overlap)
    rows *= _ramp(len(rows), overlap)[:, np.newaxis, np.newaxis]
    if band is not None:
      rows[: len(band)] += band
    finished = next_top - top
    result[top:next_top] = rows[:finished].argmax(-1)
    band = rows[finished:]
  return result


def _band(
  probabilities: Probabilities, image: np.ndarray, tile: int, overlap: int
) -> np.ndarray:
  """Weighted probabilities float32 [h, W, C] of a band uint8 [h, W, 3]."""
  total = None
  weights = np.zeros([image.shape[1], 1], np.float32)
  for left in _starts(image.shape[1], tile, overlap):
    columns = slice(left, min(left + tile, image.shape[1]))
    found = probabilities(image[np.newaxis, :, columns])[0]
    ramp = _ramp(found.shape[1], overlap)[:, np.newaxis]  # [w, 1]
    if total is None:
      total = np.zeros([*image.shape[:2], found.shape[-1]], np.float32)
    total[:, columns] += found * ramp
    weights[columns] += ramp
  return total / weights


def _starts(size: int, tile: int, overlap: int) -> list[int]:
  """Where tiles begin along one side; the last one ends at the border."""
  last = max(size - tile, 0)
  return list(range(0, last, tile - overlap)) + [last]


def _ramp(size: int, overlap: int) -> np.ndarray:
  """float32 [size]: rises from near 0 to 1 within the overlap, and falls."""
  distance = np.minimum(np.arange(size), np.arange(size)[::-1]) + 1
  return np.minimum(distance / (overlap + 1), 1).astype(np.float32)
