"""Per-class intersection over union, from a confusion matrix."""

from __future__ import annotations

import numpy as np


def from_confusion(confusion: np.ndarray) -> np.ndarray:
  """Intersection over union of each class.

  Args:
    confusion: [C, C], pixels by label (rows) and prediction (columns).

  Returns:
    float64 [C]; NaN for a class that is neither labelled nor predicted.
  """
  confusion = np.asarray(confusion, np.float64)
  hits = np.diagonal(confusion)  # [C]
  union = confusion.sum(0) + confusion.sum(1) - hits  # [C]
  ratio = hits / np.where(union > 0, union, 1)
  return np.where(union > 0, ratio, np.nan)
