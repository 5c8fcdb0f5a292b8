"""Depthwise convolution with a filter gradient that is fast on CPUs.

TensorFlow's CPU kernel for the filter gradient takes the same long time
whatever the image size. The gradient is itself a convolution, of the input
with the output's gradient as kernel, and the forward kernel is fast at that:

  dL/dw[i, j, c] = sum_{b, y, x} pad(input)[b, y + i, x + j, c] g[b, y, x, c]

with every (b, c) a channel of its own, summed over b afterwards.
"""

from __future__ import annotations

import tensorflow as tf

from deeplab_nas.nn import shapes


def conv2d(x: tf.Tensor, kernel: tf.Tensor, rate: int = 1) -> tf.Tensor:
  """Depthwise convolution of stride 1 with 'SAME' padding.

  Args:
    x: float32 [B, H, W, C].
    kernel: float32 [k, k, C], k odd.
    rate: Atrous rate.

  Returns:
    float32 [B, H, W, C].
  """
  if rate > 1:
    return _native(x, kernel, rate)
  return _conv2d(x, kernel)


def _native(x: tf.Tensor, kernel: tf.Tensor, rate: int = 1) -> tf.Tensor:
  return tf.nn.depthwise_conv2d(
    x, kernel[..., tf.newaxis], [1, 1, 1, 1], 'SAME', dilations=[rate, rate]
  )


@tf.custom_gradient
def _conv2d(x: tf.Tensor, kernel: tf.Tensor):
  def gradients(g: tf.Tensor):
    dx = tf.nn.depthwise_conv2d_backprop_input(
      shapes.of(x), kernel[..., tf.newaxis], g, [1, 1, 1, 1], 'SAME'
    )
    return dx, _kernel_gradient(x, g, kernel.shape[0])

  return _native(x, kernel), gradients


def _kernel_gradient(x: tf.Tensor, g: tf.Tensor, kernel_size: int) -> tf.Tensor:
  """dL/dkernel [k, k, C] from the input and the output's gradient."""
  batch, height, width, channels = shapes.of(x)
  margin = kernel_size // 2
  x = tf.pad(x, [[0, 0], [margin, margin], [margin, margin], [0, 0]])
  x = tf.reshape(
    tf.transpose(x, [1, 2, 0, 3]),
    [1, height + 2 * margin, width + 2 * margin, batch * channels],
  )
  g = tf.reshape(
    tf.transpose(g, [1, 2, 0, 3]), [height, width, batch * channels, 1]
  )
  dw = tf.nn.depthwise_conv2d(x, g, [1, 1, 1, 1], 'VALID')  # [1, k, k, B*C]
  dw = tf.reshape(dw, [kernel_size, kernel_size, batch, channels])
  return tf.reduce_sum(dw, axis=2)
