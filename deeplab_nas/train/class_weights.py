"""One weight per class, for classes that have few pixels.

With n_c pixels of class c among N, and K classes that have any:

  inverse            proportional to 1 / n_c
  sqrt_inverse       proportional to 1 / sqrt(n_c), half way to no weights
  effective_number   proportional to (1 - beta) / (1 - beta^n_c)
  median_frequency   the median of all n > 0, divided by n_c

The first three are scaled so that their mean over all labelled pixels is 1,
sum_c n_c w_c = N, and the loss keeps its size; `inverse` is then N / (K n_c). A
class without a pixel has weight 0; no pixel will ask for it.

References:
  Eigen and Fergus, Sec. 6.3, https://arxiv.org/abs/1411.4734
  Cui et al., Sec. 4.1, https://arxiv.org/abs/1901.05555

Differs from the first paper: it counts, for each class, only the images that
have it; `dataset.json` has no such counts. Differs from the second: it scales
the weights to a sum of K.
"""

from __future__ import annotations

import math
import pathlib
from collections.abc import Sequence

import numpy as np
from absl import logging

from deeplab_nas import commands, errors, files, safe_yaml
from deeplab_nas.config import loss as config_loss
from deeplab_nas.data import dataset_info

NONE = 'none'


def compute(
  config: config_loss.LossConfig, info: dataset_info.DatasetInfo, split: str
) -> tuple[float, ...]:
  """The weights that `class_weights` asks for, logged; none for 'none'.

  Args:
    config: Of a search or a training; a choice of `FORMULAS`, 'none' or a path.
    info: Counts the pixels.
    split: Split that is trained on.

  Raises:
    UserError: If the pixels were never counted, or the file does not fit.
  """
  if config.class_weights == NONE:
    return ()
  if config.class_weights in FORMULAS:
    weights = _counted(config, info, split)
  else:
    weights = _read(config, info.num_classes)
  pairs = zip(info.class_names, weights)
  logging.info(
    'Class weights: %s.', ', '.join(f'{name} {x:.3g}' for name, x in pairs)
  )
  return weights


def _counted(
  config: config_loss.LossConfig, info: dataset_info.DatasetInfo, split: str
) -> tuple[float, ...]:
  """By a formula, from the pixels of a split."""
  choice, setting = config.class_weights, f'{config.NAME}.class_weights'
  if split not in info.splits:
    raise errors.UserError(
      f'{setting} is {choice}, but the dataset.json of this data does'
      f' not count the pixels of split {split}: choose none, give a file with'
      f' one number per class, or convert the data with'
      f' {commands.name("convert")}.'
    )
  pixels = np.array(info.splits[split].class_pixels, np.float64)  # [C]
  if info.ignore_label < info.num_classes:
    pixels[info.ignore_label] = 0
  if not pixels.any():
    raise errors.UserError(
      f'Split {split} has no labelled pixel, so {setting}={choice}'
      ' has nothing to count.'
    )
  if choice == 'effective_number':
    weights = effective_number(pixels, config.effective_number_beta)
  else:
    weights = FORMULAS[choice](pixels)
  return tuple(weights.tolist())


def inverse(pixels: np.ndarray) -> np.ndarray:
  """Weights [C] of counts [C], such that sum_c n_c w_c = N."""
  return _scaled(pixels, pixels)


def sqrt_inverse(pixels: np.ndarray) -> np.ndarray:
  """Weights [C] of counts [C], such that sum_c n_c w_c = N."""
  return _scaled(np.sqrt(pixels), pixels)


def effective_number(pixels: np.ndarray, beta: float) -> np.ndarray:
  """Weights [C] of counts [C], such that sum_c n_c w_c = N.

  Args:
    pixels: float64 [C].
    beta: In [0, 1): 0 gives equal weights, nearly 1 those of `inverse`.
  """
  log_beta = math.log(beta) if beta else -math.inf
  powers = np.multiply(pixels, log_beta, where=pixels > 0, out=0 * pixels)
  return _scaled(-np.expm1(powers), pixels)


def median_frequency(pixels: np.ndarray) -> np.ndarray:
  """Weights [C] of counts [C]; the class of median count has 1."""
  return np.median(pixels[pixels > 0]) * _reciprocal(pixels)


FORMULAS = {
  'inverse': inverse,
  'sqrt_inverse': sqrt_inverse,
  'median_frequency': median_frequency,
  'effective_number': effective_number,
}


def _scaled(numbers: np.ndarray, pixels: np.ndarray) -> np.ndarray:
  """Weights in proportion to 1 / numbers, of mean 1 over all pixels."""
  weights = _reciprocal(numbers)
  return weights * (pixels.sum() / (pixels * weights).sum())


def _reciprocal(numbers: np.ndarray) -> np.ndarray:
  return np.divide(1, numbers, where=numbers > 0, out=0 * numbers)


def _read(
  config: config_loss.LossConfig, num_classes: int
) -> tuple[float, ...]:
  """Numbers of a JSON, YAML or text file."""
  path = pathlib.Path(config.class_weights)
  if not path.is_file():
    raise errors.UserError(
      f'{config.NAME}.class_weights is {path}, which is neither {NONE},'
      f' {", ".join(FORMULAS)} nor a file.'
    )
  weights = _numbers(path)
  if weights is None or len(weights) != num_classes:
    found = 'other things' if weights is None else f'{len(weights)} numbers'
    raise errors.UserError(
      f'{path} holds {found}, expected {num_classes} numbers of at least 0, one'
      ' for each class, as a JSON or YAML list or with spaces between them.'
    )
  if not any(weights):
    raise errors.UserError(
      f'{path} holds the weight 0 for every class, so that nothing can be'
      ' learnt: give the classes that count a weight above 0.'
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
