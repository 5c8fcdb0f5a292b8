"""Atrous spatial pyramid pooling, the head of a network.

Reference:
  DeepLabv3, Sec. 3.3, https://arxiv.org/abs/1706.05587
  Auto-DeepLab, Sec. 5.2, https://arxiv.org/abs/1901.02985
"""

from __future__ import annotations

import functools
from collections.abc import Sequence

import tensorflow as tf

from deeplab_nas.nn.kernels import shapes
from deeplab_nas.nn.network import conv_norm, head_conv, step_random, variables
from deeplab_nas.space import widths

_DROPOUT = 0.1


class ASPP(tf.keras.layers.Layer):
  """DeepLabv3's: image pooling, a 1x1, atrous 3x3s; joined by a 1x1.

  Attributes:
    filters: Of each branch, and of the result.
    pooled: The 1x1 after the mean over the image.
    branches: The 1x1 and the atrous convolutions, in order.
    projection: The 1x1 that joins them.
  """

  def __init__(
    self,
    rates: Sequence[int],
    separable: bool = False,
    norm: conv_norm.NormFactory | None = None,
    name: str = 'aspp',
    *,
    filters: int = widths.HEAD_FILTERS,
    progress: tf.Variable,
  ):
    """Builds the layers.

    Args:
      rates: Of the atrous convolutions.
      separable: Whether these are depthwise separable.
      norm: Makes batch norms; None leaves them out.
      name: Name of the layer.
      filters: Of each branch, and of the result.
      progress: float32 [], share of the training that is done, which decides
        what dropout drops.
    """
    super().__init__(name=name)
    self.filters = filters
    conv = functools.partial(head_conv.HeadConv, filters, norm=norm)
    self.pooled = conv(name='pooled')
    self.branches = [conv(name='point')] + [
      conv(3, rate, separable, name=f'atrous_{i}')
      for i, rate in enumerate(rates)
    ]
    self.projection = conv(name='projection')
    self._random = step_random.StepRandom(progress)

  def build(self, input_shape: tf.TensorShape):
    for branch in (*self.branches, self.pooled):
      variables.create(branch, input_shape[-1])
    variables.create(self.projection, self.filters * (len(self.branches) + 1))
    super().build(input_shape)

  def call(self, x: tf.Tensor, training: bool = False) -> tf.Tensor:
    """Computes [B, H, W, filters] from features, float [B, H, W, C]."""
    branches = [branch(x, training=training) for branch in self.branches]
    pooled = tf.reduce_mean(x, [1, 2], keepdims=True)
    pooled = self.pooled(pooled, training=training)
    # A bilinear resize of one pixel.
    pooled = tf.broadcast_to(pooled, tf.shape(branches[0]))
    x = tf.concat([pooled] + branches, axis=-1)
    x = self.projection(x, training=training)
    if not training:
      return x
    draws = self._random.uniform(x, shapes.dims(x)[1:])
    return step_random.kept(x, draws, 1 - _DROPOUT)
