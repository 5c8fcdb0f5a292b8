"""Where stride and width change: nowhere else in the supernet do they.

All images are padded to `k * 32 + 1` pixels, so a level of stride s has
`k * 32 / s + 1` pixels and corner pixels of all levels coincide.

Reference:
  Auto-DeepLab, Sec. 3.2, https://arxiv.org/abs/1901.02985
"""

from __future__ import annotations

import tensorflow as tf

from deeplab_nas.nn import batch_norm


def resize(x: tf.Tensor, size: tuple[int, int] | tf.Tensor) -> tf.Tensor:
  """Bilinear with aligned corners: [B, size, C] from float [B, H, W, C]."""
  # tf.image.resize knows no aligned corners. The result is always float32.
  resized = tf.raw_ops.ResizeBilinear(images=x, size=size, align_corners=True)
  return tf.cast(resized, x.dtype)


class Resample(tf.keras.layers.Layer):
  """ReLU, convolution to a node's stride and filters, norm without affine.

  To twice the stride: a 3x3 convolution of stride 2. To the same stride: a 1x1
  convolution. To half the stride: bilinear resize and 1x1 convolution; the two
  commute, and the convolution comes first since it has fewer pixels there.

  Differs from the paper, where a transition changes B*F*s/8 filters to B*F*s/4
  and each cell starts by projecting those to the F*s/4 of its blocks: here one
  convolution does both.

  Attributes:
    filters: Filters of one block of the target node.
    strides: 2 to halve the resolution by a strided convolution; else 1.
  """

  def __init__(self, filters: int, strides: int = 1, name: str | None = None):
    super().__init__(name=name)
    self.filters = filters
    self.conv = tf.keras.layers.Conv2D(
      filters,
      1 if strides == 1 else 3,
      strides,
      'same',
      use_bias=False,
      kernel_initializer='he_normal',
    )
    self.norm = batch_norm.BatchNorm(affine=False)

  def build(self, input_shape):
    self.conv.build(input_shape)
    self.norm.build([self.filters])
    super().build(input_shape)

  def call(
    self,
    x: tf.Tensor,
    size: tuple[int, int] | tf.Tensor,
    training: bool = False,
    update_statistics: bool = True,
  ) -> tf.Tensor:
    """Computes float32 [B, *size, filters] from float32 [B, H, W, C].

    Args:
      x: Output of the source node.
      size: Height and width of the target node.
      training: Whether to normalise with the batch's statistics.
      update_statistics: Whether to fold those into the moving ones.
    """
    x = self.conv(tf.nn.relu(x))
    if self.conv.strides == (1, 1):
      x = resize(x, size)
    return self.norm(x, training, update_statistics)
