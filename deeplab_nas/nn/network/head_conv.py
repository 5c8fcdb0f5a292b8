"""The 3x3 convolutions of ASPP and decoder: full ones, or split in two.

Reference:
  DeepLabv3+, Sec. 3.1, https://arxiv.org/abs/1802.02611
"""

from __future__ import annotations

import functools

import tensorflow as tf

from deeplab_nas.nn.network import conv_norm, variables

# As in the released code; full convolutions have slim's default.
_TruncatedNormal = tf.keras.initializers.TruncatedNormal
_full_initializer = tf.keras.initializers.GlorotUniform
_depthwise_initializer = functools.partial(_TruncatedNormal, stddev=0.33)
_pointwise_initializer = functools.partial(_TruncatedNormal, stddev=0.06)


class HeadConv(tf.keras.layers.Layer):
  """Convolution, batch norm, ReLU of float [B, H, W, C].

  A separable one has batch norm and ReLU after its depthwise part as well,
  other than those of a cell.

  Attributes:
    units: The one or two convolutions, in order.
  """

  def __init__(
    self,
    filters: int,
    kernel_size: int = 1,
    rate: int = 1,
    separable: bool = False,
    norm: conv_norm.NormFactory | None = None,
    winograd: bool = False,
    name: str | None = None,
  ):
    super().__init__(name=name)
    self.units = []
    initializer = _full_initializer
    if separable:
      depthwise = conv_norm.ConvNorm(
        filters,
        kernel_size,
        rate=rate,
        kind='depthwise',
        norm=norm,
        initializer=_depthwise_initializer,
        name='depthwise',
      )
      self.units.append(depthwise)
      kernel_size, rate, initializer = 1, 1, _pointwise_initializer
    self.units.append(
      conv_norm.ConvNorm(
        filters,
        kernel_size,
        rate=rate,
        norm=norm,
        initializer=initializer,
        winograd=winograd and kernel_size == 3,
        name='full',
      )
    )

  def build(self, input_shape: tf.TensorShape):
    for unit in self.units:  # the first of two keeps the channels
      variables.create(unit, input_shape[-1])
    super().build(input_shape)

  def call(self, x: tf.Tensor, training: bool = False) -> tf.Tensor:
    for unit in self.units:
      x = tf.nn.relu(unit(x, training=training))
    return x
