"""Where the contours of a segmentation are, for the boundary IoU.

Of a class with labelled pixels G and predicted pixels P, and G_d those of G
that are within d pixels of the contour of G:

  boundary IoU = |G_d and P_d| / |G_d or P_d|

d is 2 % of the image's diagonal, rounded, and 1 at least. Distances are those
of a square, as of d erosions with a 3 x 3 kernel in the authors' code. The
image's border is part of a contour, as there.

Reference:
  Cheng et al., Eq. 2 and Sec. 5, https://arxiv.org/abs/2103.16562
"""

from __future__ import annotations

import math

import numpy as np

_SHARE_OF_DIAGONAL = 0.02


def distance(height: int, width: int) -> int:
  """d of an image, in pixels."""
  return max(1, round(_SHARE_OF_DIAGONAL * math.hypot(height, width)))


def near_contour(classes: np.ndarray, d: int) -> np.ndarray:
  """Which pixels are within d of a pixel of another class, or of the outside.

  Args:
    classes: Integers [H, W].
    d: The distance, 1 at least; a direct neighbour is within 1.

  Returns:
    bool [H, W]; a class's pixels among them are its G_d.
  """
  is_near = np.ones(classes.shape, bool)
  if min(classes.shape) <= 2 * d:
    return is_near
  # A square holds one class if no two neighbours in it differ.
  across = classes[:, 1:] != classes[:, :-1]
  down = classes[1:] != classes[:-1]
  changes = _sums(across, 2 * d + 1, 2 * d) + _sums(down, 2 * d, 2 * d + 1)
  is_near[d:-d, d:-d] = changes > 0
  return is_near


def _sums(values: np.ndarray, height: int, width: int) -> np.ndarray:
  """Sums over all windows of that size that fit in."""
  table = np.zeros([side + 1 for side in values.shape], np.int32)
  values.cumsum(1, dtype=np.int32).cumsum(0, out=table[1:, 1:])
  rows = table[height:] - table[:-height]
  return rows[:, width:] - rows[:, :-width]
