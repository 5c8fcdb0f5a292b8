"""The supernet's stem: from the image to stride 4.

Reference:
  Auto-DeepLab, Sec. 3.2 and 5.2, https://arxiv.org/abs/1901.02985
"""

from __future__ import annotations

import functools

import tensorflow as tf

from deeplab_nas.nn.kernels import phases
from deeplab_nas.nn.supernet import conv_bn


class Stem(tf.keras.layers.Layer):
  """Three 3x3 convolutions, two of them of stride 2.

  The released network has 64, 64 and 128 filters. Differs from the paper, which
  does not give those of the search: by default 8F, 8F and 16F, the same at its
  F = 8, so that a small search has a small stem.

  Attributes:
    filters: Of the three convolutions; `SearchSpace.supernet_stem`.
  """

  def __init__(
    self,
    filters: tuple[int, int, int],
    name: str = 'stem',
    dtype: str | None = None,
  ):
    super().__init__(name=name, dtype=dtype)
    self.filters = filters
    conv = functools.partial(conv_bn.ConvBN, kernel_size=3, dtype=dtype)
    self.half = conv(filters[0], strides=2, name='half')
    self.conv = conv(self.half_filters, name='conv')
    self.quarter = conv(self.quarter_filters, strides=2, name='quarter')

  def build(self, input_shape):
    self.half.build(input_shape)
    self.conv.build([None, None, None, self.filters[0]])
    self.quarter.build([None, None, None, self.half_filters])
    super().build(input_shape)

  @property
  def half_filters(self) -> int:
    return self.filters[1]

  @property
  def quarter_filters(self) -> int:
    return self.filters[2]

  def call(
    self,
    images: tf.Tensor,
    phase: phases.Phase = phases.INFERENCE,
  ) -> tuple[tf.Tensor, tf.Tensor]:
    """The outputs at stride 2 and 4: [B, H/2, W/2, 8F], [B, H/4, W/4, 16F].

    Args:
      images: float32 [B, H, W, 3] in [-1, 1].
      phase: What the pass is for.
    """
    x = tf.nn.relu(self.half(images, phase))
    half = self.conv(x, phase)
    quarter = self.quarter(tf.nn.relu(half), phase)
    return half, quarter
