"""The supernet's heads: logits of each stride, and their sum.

Reference:
  Auto-DeepLab, Sec. 4.1, https://arxiv.org/abs/1901.02985
"""

from __future__ import annotations

import tensorflow as tf

from deeplab_nas.nn.kernels import phases, resize
from deeplab_nas.nn.supernet import conv_bn


class SearchASPP(tf.keras.layers.Layer):
  """Logits of one stride: a 1x1, a 3x3 at rate 96/s, and image pooling.

  Differs from the paper, which does not say how the three branches merge: they
  are concatenated and a 1x1 convolution makes the logits.

  In mixed precision image pooling and the logits stay float32: TensorFlow's
  bfloat16 mean and its gradient of a bias stop growing after some hundred
  terms. tests/nn/network/aspp_test.py shows it.

  Attributes:
    stride: s, the stride of the input.
    filters: Filters of each branch, B*F*s/4.
    num_classes: Channels of the logits.
  """

  def __init__(
    self,
    stride: int,
    filters: int,
    num_classes: int,
    name: str | None = None,
    dtype: str | None = None,
  ):
    super().__init__(name=name, dtype=dtype)
    self.stride = stride
    self.filters = filters
    self.num_classes = num_classes
    rate = max(96 // stride, 1)
    self.point = conv_bn.ConvBN(filters, 1, name='point', dtype=dtype)
    self.atrous = conv_bn.ConvBN(
      filters, 3, dilation_rate=rate, name='atrous', dtype=dtype
    )
    self.pooled = conv_bn.ConvBN(filters, 1, name='pooled')
    self.logits = tf.keras.layers.Conv2D(
      num_classes, 1, kernel_initializer='he_normal', name='logits'
    )

  def build(self, input_shape):
    for branch in (self.point, self.atrous, self.pooled):
      branch.build(input_shape)
    self.logits.build([None, None, None, 3 * self.filters])
    super().build(input_shape)

  def call(
    self,
    x: tf.Tensor,
    phase: phases.Phase = phases.INFERENCE,
  ) -> tf.Tensor:
    """Logits, float32 [B, H, W, num_classes], of a node's output."""
    x = tf.nn.relu(x)
    point, atrous = self.point(x, phase), self.atrous(x, phase)
    pooled = tf.reduce_mean(tf.cast(x, tf.float32), [1, 2], keepdims=True)
    pooled = tf.cast(self.pooled(pooled, phase), point.dtype)
    pooled = tf.broadcast_to(pooled, tf.shape(point))
    branches = tf.concat([point, atrous, pooled], axis=-1)
    return self.logits(tf.nn.relu(branches))


def summed(logits: list[tf.Tensor], size: tf.Tensor) -> tf.Tensor:
  """The sum of logits of all strides, resized bilinearly to `size`.

  They are added at the finest stride first. With aligned corners, coarse
  pixels are among the finer ones, so bilinear resizing in two steps equals
  resizing in one.

  Args:
    logits: float32 [B, H / s, W / s, C] for each stride s, the finest first.
    size: Height and width of the padded image.
  """
  finest = tf.shape(logits[0])[1:3]
  logits = logits[:1] + [resize.bilinear(x, finest) for x in logits[1:]]
  return resize.bilinear(tf.add_n(logits), size)
