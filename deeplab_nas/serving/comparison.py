"""Compares an exported model, as reloaded, with the one in memory."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np
import tensorflow as tf

from deeplab_nas import errors, wording
from deeplab_nas.serving import names

MAX_DIFFERENCE = 1e-3
MIN_AGREEMENT = 0.999
# Classes whose probabilities differ by no more are equally probable: which one
# is chosen depends on rounding. Those of an untrained network all are.
_TIE = 1e-6


@dataclasses.dataclass(frozen=True)
class Comparison:
  """How far two models are apart.

  Attributes:
    num_images: Images that both segmented.
    num_pixels: Their pixels.
    max_difference: Largest absolute difference of a probability.
    agreement: Share of the pixels that have the same class, or another one that
      is as probable; the smaller one of the signature for images and that for
      files.
  """

  num_images: int
  num_pixels: int
  max_difference: float
  agreement: float

  def __str__(self) -> str:
    return (
      f'{wording.counted(self.num_images, "image")},'
      f' {wording.counted(self.num_pixels, "pixel")}: largest difference of a'
      ' probability'
      f' {self.max_difference:.1e}, the same class at'
      f' {100 * self.agreement:.3f} % of the pixels'
    )

  def require_equality(self) -> None:
    """Raises a `UserError` if the difference is more than rounding."""
    # Written so that a NaN fails too.
    is_close = self.max_difference <= MAX_DIFFERENCE
    errors.require(
      is_close and self.agreement >= MIN_AGREEMENT,
      f'The exported model differs from the one in memory ({self}; allowed are'
      f' {MAX_DIFFERENCE:g} and {100 * MIN_AGREEMENT:g} %), so nothing was'
      ' exported.',
    )


def compare(
  probabilities: Callable[[tf.Tensor], tf.Tensor],
  loaded: tf.Module,
  images: Sequence[np.ndarray],
) -> Comparison:
  """Runs both models.

  Args:
    probabilities: The model in memory: uint8 [B, H, W, 3] -> float32
      [B, H, W, C].
    loaded: What `tf.saved_model.load` returned.
    images: uint8 [H, W, 3] each.
  """
  of_images = loaded.signatures[names.DEFAULT_SIGNATURE]
  of_bytes = loaded.signatures[names.BYTES_SIGNATURE]
  num_pixels, max_difference, same, same_of_bytes = 0, 0.0, 0, 0
  for image in images:
    batch = tf.constant(image[np.newaxis])  # [1, H, W, 3]
    expected = np.asarray(probabilities(batch))
    found = np.asarray(loaded.probabilities(batch))
    difference = float(np.abs(found - expected).max())
    max_difference = float(np.maximum(max_difference, difference))
    file = tf.io.encode_png(image)[tf.newaxis]
    from_images = of_images(**{names.IMAGES: batch})
    from_file = of_bytes(**{names.IMAGE_BYTES: file})
    same += is_best(from_images[names.CLASSES], expected).sum()
    same_of_bytes += is_best(from_file[names.CLASSES], expected).sum()
    num_pixels += expected[..., 0].size
  agreement = float(min(same, same_of_bytes)) / num_pixels
  return Comparison(len(images), num_pixels, max_difference, agreement)


def is_best(
  classes: np.ndarray | tf.Tensor, probabilities: np.ndarray
) -> np.ndarray:
  """Whether no other class is more probable, bool [...].

  Args:
    classes: Integers [...].
    probabilities: float [..., C].
  """
  classes = np.asarray(classes)[..., np.newaxis]
  chosen = np.take_along_axis(probabilities, classes, -1)[..., 0]
  return chosen >= probabilities.max(-1) - _TIE
