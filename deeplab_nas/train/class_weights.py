"""One weight per class, for classes that have few pixels.

With n_c pixels of class c among N, and K classes that have any:

  inverse            N / (K n_c): over all labelled pixels, their mean is 1
  median_frequency   the median of all n > 0, divided by n_c

A class without a pixel has weight 0; no pixel will ask for it.

Reference:
  Eigen and Fergus, Sec. 6.3, https://arxiv.org/abs/1411.4734

Differs from that paper: it counts, for each class, only the images that have
it; `dataset.json` has no such counts.
"""

from __future__ import annotations

import pathlib
from collections.abc import Sequence

import numpy as np

from deeplab_nas import errors, files, safe_yaml
from deeplab_nas.data import dataset_info

NONE = 'none'


def compute(
  choice: str, info: dataset_info.DatasetInfo, split: str
) -> tuple[float, ...]:
  """The weights that `train.class_weights` asks for; none for 'none'.

  Args:
    choice: 'none', 'inverse', 'median_frequency', or a path.
    info: Counts the pixels.
    split: Split that is trained on.

  Raises:
    UserError: If the pixels were never counted, or the file does not fit.
  """
  if choice == NONE:
    return ()
  if choice not in FORMULAS:
    return _read(pathlib.Path(choice), info.num_classes)
  if split not in info.splits:
    raise errors.UserError(
      f'train.class_weights is {choice}, but the dataset.json of this data does'
      f' not count the pixels of split {split}: choose none, give a file with'
      ' one number per class, or convert the data with datasets/build_*.py.'
    )
  pixels = np.array(info.splits[split].class_pixels, np.float64)  # [C]
  if info.ignore_label < info.num_classes:
    pixels[info.ignore_label] = 0
  if not pixels.any():
    raise errors.UserError(
      f'Split {split} has no labelled pixel, so train.class_weights={choice}'
      ' has nothing to count.'
    )
  return tuple(FORMULAS[choice](pixels).tolist())


def inverse(pixels: np.ndarray) -> np.ndarray:
  """Weights [C] of counts [C], such that sum_c n_c w_c = N."""
  return _divided(pixels.sum() / np.count_nonzero(pixels), pixels)


def median_frequency(pixels: np.ndarray) -> np.ndarray:
  """Weights [C] of counts [C]; the class of median count has 1."""
  return _divided(np.median(pixels[pixels > 0]), pixels)


FORMULAS = {'inverse': inverse, 'median_frequency': median_frequency}


def _divided(numerator: float, pixels: np.ndarray) -> np.ndarray:
  return np.where(pixels > 0, numerator / np.maximum(pixels, 1), 0.0)


def _read(path: pathlib.Path, num_classes: int) -> tuple[float, ...]:
  """Numbers of a JSON, YAML or text file."""
  if not path.is_file():
    raise errors.UserError(
      f'train.class_weights is {path}, which is neither {NONE},'
      f' {", ".join(FORMULAS)} nor a file.'
    )
  weights = _numbers(path)
  if weights is None or len(weights) != num_classes:
    found = 'other things' if weights is None else f'{len(weights)} numbers'
    raise errors.UserError(
      f'{path} holds {found}, expected {num_classes} numbers of at least 0, one'
      ' for each class, as a JSON or YAML list or with spaces between them.'
    )
  return weights


def _numbers(path: pathlib.Path) -> tuple[float, ...] | None:
  """What the file holds, if that is numbers of at least 0."""
  try:
    content = safe_yaml.parse(files.read(path))
    parts = content if isinstance(content, Sequence) else str(content)
    parts = parts.split() if isinstance(parts, str) else parts
    weights = np.array([float(part) for part in parts])
  except (ValueError, TypeError):
    return None
  is_fit = np.isfinite(weights).all() and (weights >= 0).all()
  return tuple(weights.tolist()) if is_fit else None
