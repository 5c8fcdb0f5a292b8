"""The unit of the supernet's stem and heads: convolution and batch norm."""

from __future__ import annotations

import tensorflow as tf

from deeplab_nas.nn.kernels import batch_norm, phases


class ConvBN(tf.keras.layers.Layer):
  """A 'SAME' convolution without bias, and batch norm with scale and offset."""

  def __init__(
    self,
    filters: int,
    kernel_size: int,
    strides: int = 1,
    dilation_rate: int = 1,
    name: str | None = None,
    dtype: str | None = None,
  ):
    super().__init__(name=name, dtype=dtype)
    self.conv = tf.keras.layers.Conv2D(
      filters,
      kernel_size,
      strides,
      'same',
      dilation_rate=dilation_rate,
      use_bias=False,
      kernel_initializer='he_normal',
      dtype=dtype,
    )
    self.norm = batch_norm.BatchNorm(dtype=dtype)

  def build(self, input_shape):
    self.conv.build(input_shape)
    self.norm.build([self.conv.filters])
    super().build(input_shape)

  def call(self, x, phase: phases.Phase = phases.INFERENCE):
    return self.norm(self.conv(x), phase)
