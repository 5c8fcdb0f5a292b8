"""Depthwise convolution whose gradients are fast on CPUs.

oneDNN's forward kernel is fast at every size and rate. Two others are not: the
filter gradient of a 5x5 takes the same long time whatever the image size, and
an atrous convolution is run as space-to-batch, convolution, batch-to-space. But
both gradients are themselves depthwise convolutions, so that the forward kernel
serves for all three. With rate r, `pad` by r * (k // 2) on all sides and

  y[b, i, j, c] = sum_{u, v} pad(x)[b, i + r u, j + r v, c] w[u, v, c]

the input's gradient is the output's convolved with the kernel turned around,

  dL/dx = conv(dL/dy, w[::-1, ::-1], rate r),

and the filter's is the input convolved with the output's gradient as kernel, at
stride r, every (b, c) a channel of its own and summed over b (g is dL/dy):

  dL/dw[u, v, c] = sum_{b, i, j} pad(x)[b, i + r u, j + r v, c] g[b, i, j, c]

Test: tests/nn/kernels/depthwise_test.py. Gain: g3doc/performance.md.
"""

from __future__ import annotations

import functools

import numpy as np
import tensorflow as tf

from deeplab_nas.nn.kernels import atrous, graph_ops, shapes

_STRIDES = [1, 1, 1, 1]


def conv2d(x: tf.Tensor, kernel: tf.Tensor, rate: int = 1) -> tf.Tensor:
  """Depthwise convolution of stride 1 with 'SAME' padding.

  Args:
    x: float32 or bfloat16 [B, H, W, C].
    kernel: [k, k, C, 1] of the same dtype, k odd.
    rate: Atrous rate.

  Returns:
    [B, H, W, C] of the same dtype.
  """
  if rate > 1 and not has_dilations(x.dtype):
    return tf.nn.depthwise_conv2d(
      x, kernel, _STRIDES, 'SAME', dilations=[rate, rate]
    )

  if rate > 1:
    kernel = atrous.cropped(kernel, x, rate)

  def conv(x, kernel):
    def gradients(g):
      return [
        lambda: _input_gradient(g, kernel, rate),
        lambda: _kernel_gradient(x, g, kernel.shape[0], rate),
      ]

    return _conv(x, kernel, rate), gradients

  always = not _is_fast(kernel.shape[0], rate)
  return graph_ops.call(conv, x, kernel, always=always)


@functools.cache
def has_dilations(dtype: tf.DType = tf.float32) -> bool:
  """Whether the kernel of this machine honours a rate above 1.

  That of oneDNN does; TensorFlow's own ignores it or refuses.
  """
  with tf.init_scope():
    # Products and sums that bfloat16 holds exactly.
    x = tf.constant(np.arange(25).reshape([1, 5, 5, 1]) % 3, dtype)
    kernel = tf.constant(np.arange(9).reshape([3, 3, 1, 1]), dtype)
    expected = tf.nn.depthwise_conv2d(
      x, kernel, _STRIDES, 'SAME', dilations=[2, 2]
    )
    try:
      actual = _conv(x, kernel, 2)
    except (tf.errors.InvalidArgumentError, tf.errors.UnimplementedError):
      return False
    return bool(tf.reduce_all(actual == expected))


def _is_fast(kernel_size: int, rate: int) -> bool:
  """Whether TensorFlow's own gradients are."""
  return kernel_size == 3 and rate == 1


def _conv(x: tf.Tensor, kernel: tf.Tensor, rate: int) -> tf.Tensor:
  return tf.raw_ops.DepthwiseConv2dNative(
    input=x,
    filter=kernel,
    strides=_STRIDES,
    padding='SAME',
    dilations=[1, rate, rate, 1],
  )


def _input_gradient(g: tf.Tensor, kernel: tf.Tensor, rate: int) -> tf.Tensor:
  if rate == 1:
    return tf.nn.depthwise_conv2d_backprop_input(
      graph_ops.constant(shapes.dims(g)),
      kernel,
      g,
      _STRIDES,
      'SAME',
    )
  return _conv(g, tf.reverse(kernel, graph_ops.constant([0, 1])), rate)


def _kernel_gradient(
  x: tf.Tensor, g: tf.Tensor, kernel_size: int, rate: int
) -> tf.Tensor:
  """dL/dkernel [k, k, C, 1] from the input and the output's gradient."""
  batch, height, width, channels = shapes.dims(x)
  if _is_fast(kernel_size, rate):
    return tf.nn.depthwise_conv2d_backprop_filter(
      x, graph_ops.constant([3, 3, channels, 1]), g, _STRIDES, 'SAME'
    )
  margin = [rate * (kernel_size // 2)] * 2
  batch_to_channels = graph_ops.constant([1, 2, 0, 3])
  x, g = tf.transpose(x, batch_to_channels), tf.transpose(g, batch_to_channels)
  dw = tf.raw_ops.DepthwiseConv2dNative(
    input=graph_ops.reshape(x, [1, height, width, batch * channels]),
    filter=graph_ops.reshape(g, [height, width, batch * channels, 1]),
    strides=[1, rate, rate, 1],
    padding='EXPLICIT',
    explicit_paddings=[0, 0, *margin, *margin, 0, 0],
  )  # [1, k, k, B*C]
  dw = graph_ops.reshape(dw, [kernel_size, kernel_size, batch, channels, 1])
  return tf.reduce_sum(dw, graph_ops.constant(2))
