"""Atrous kernels that reach beyond the image."""

from __future__ import annotations

import tensorflow as tf


def cropped(kernel: tf.Tensor, x: tf.Tensor, rate: int) -> tf.Tensor:
  """Without the outer taps that meet nothing but padding.

  With 'SAME' padding and stride 1, a tap `rate * u` pixels from the centre
  meets an image of at most `rate * u` rows and columns nowhere: the convolution
  is the same without it, and so is the gradient, which is zero there. oneDNN's
  fast depthwise kernels refuse such windows: a 5x5 of rate 2 on 3 x 3 pixels
  takes 5 times as long as what is left of it, a 3x3 (AVX2).

  Args:
    kernel: [k, k, ...], k odd.
    x: The image, [B, H, W, C].
    rate: Atrous rate.

  Returns:
    [j, j, ...], 1 <= j <= k, the middle of the kernel; all of it where the
    image's size is not known yet.
  """
  size = x.shape[1:3]
  if not size.is_fully_defined():
    return kernel
  radius = kernel.shape[0] // 2
  margin = radius - min(radius, (max(size) - 1) // rate)
  return kernel[margin:-margin, margin:-margin] if margin else kernel
