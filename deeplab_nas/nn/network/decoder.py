"""DeepLabv3+'s decoder: joins ASPP with features of a finer stride.

Reference:
  DeepLabv3+, Sec. 3.1, https://arxiv.org/abs/1802.02611
"""

from __future__ import annotations

import tensorflow as tf

from deeplab_nas.nn.kernels import resize, shapes
from deeplab_nas.nn.network import conv_norm, head_conv, variables
from deeplab_nas.space import widths

LOW_LEVEL_FILTERS = widths.NetworkWidths().low_level_filters
NUM_CONVS = 2


class Decoder(tf.keras.layers.Layer):
  """Low-level features to few channels, joined, then two 3x3 convolutions.

  Attributes:
    filters: Of the 3x3 convolutions.
    low_level_filters: Of the 1x1 on the low-level features.
    low_level_channels: Of the finer features.
    low_level: The 1x1 on the low-level features.
    convs: The 3x3 convolutions.
  """

  def __init__(
    self,
    separable: bool = False,
    norm: conv_norm.NormFactory | None = None,
    winograd: bool = False,
    name: str = 'decoder',
    *,
    filters: int = widths.HEAD_FILTERS,
    low_level_filters: int = LOW_LEVEL_FILTERS,
    low_level_channels: int,
  ):
    """Builds the layers.

    Args:
      separable: Whether the 3x3 convolutions are split in two.
      norm: Makes batch norms; None leaves them out.
      winograd: Whether they take fewer multiplications, for inference.
      name: Name of the layer.
      filters: Of the 3x3 convolutions.
      low_level_filters: Of the 1x1 on the low-level features.
      low_level_channels: Of the finer features.
    """
    super().__init__(name=name)
    self.filters = filters
    self.low_level_filters = low_level_filters
    self.low_level_channels = low_level_channels
    self.low_level = head_conv.HeadConv(
      low_level_filters, norm=norm, name='low_level'
    )
    self.convs = [
      head_conv.HeadConv(
        filters,
        3,
        separable=separable,
        norm=norm,
        winograd=winograd,
        name=f'conv_{i}',
      )
      for i in range(NUM_CONVS)
    ]

  def build(self, input_shape: tf.TensorShape):
    variables.create(self.low_level, self.low_level_channels)
    channels = input_shape[-1] + self.low_level_filters
    for conv in self.convs:
      variables.create(conv, channels)
      channels = self.filters
    super().build(input_shape)

  def call(
    self, x: tf.Tensor, low_level: tf.Tensor, training: bool = False
  ) -> tf.Tensor:
    """Computes [B, H, W, filters].

    Args:
      x: ASPP's output, float [B, h, w, C'].
      low_level: float [B, H, W, C].
      training: Whether batch norm takes the batch's statistics.
    """
    x = resize.bilinear(x, shapes.dims(low_level)[1:3])
    x = tf.concat([x, self.low_level(low_level, training=training)], axis=-1)
    for conv in self.convs:
      x = conv(x, training=training)
    return x
