"""The one way in which images and features change their size."""

from __future__ import annotations

import tensorflow as tf


def bilinear(x: tf.Tensor, size: tuple[int, int] | tf.Tensor) -> tf.Tensor:
  """Bilinear with aligned corners: [B, size, C] from float [B, H, W, C]."""
  if isinstance(size, tuple) and tuple(x.shape[1:3]) == size:
    return x
  # tf.image.resize knows no aligned corners. The result is always float32.
  resized = tf.raw_ops.ResizeBilinear(images=x, size=size, align_corners=True)
  return tf.cast(resized, x.dtype)
