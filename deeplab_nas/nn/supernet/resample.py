"""The only place of the supernet where stride and width change.

All images are padded to `k * 32 + 1` pixels, so a level of stride s has
`k * 32 / s + 1` pixels and corner pixels of all levels coincide.

Reference:
  Auto-DeepLab, Sec. 3.2, https://arxiv.org/abs/1901.02985
"""

from __future__ import annotations

from typing import NamedTuple

import tensorflow as tf

from deeplab_nas.nn.kernels import graph_ops, resize


class Resample(NamedTuple):
  """ReLU and convolution to a node's stride and filters; a norm follows.

  To twice the stride: a 3x3 convolution of stride 2. To the same stride: a 1x1
  convolution. To half the stride: bilinear resize and 1x1 convolution; the two
  commute, and the convolution comes first since it has fewer pixels there.

  Differs from the paper, where a transition changes B*F*s/8 filters to B*F*s/4
  and each cell starts by projecting those to the F*s/4 of its blocks: here one
  convolution does both.

  Attributes:
    channels: Of the source node's output.
    filters: Filters of one block of the target node.
    strides: 2 to halve the resolution by a strided convolution; else 1.
  """

  channels: int
  filters: int
  strides: int = 1

  @property
  def kernel_shape(self) -> tuple[int, int, int, int]:
    kernel_size = 1 if self.strides == 1 else 3
    return (kernel_size, kernel_size, self.channels, self.filters)

  def __call__(
    self,
    x: tf.Tensor,
    kernel: tf.Tensor,
    size: tuple[int, int] | tf.Tensor,
  ) -> tf.Tensor:
    """Computes [B, *size, filters] from [B, H, W, channels].

    Args:
      x: Output of the source node.
      kernel: Of `kernel_shape` and x's dtype.
      size: Height and width of the target node.
    """
    x = graph_ops.conv2d(tf.nn.relu(x), kernel, self.strides)
    return x if self.strides > 1 else resize.bilinear(x, size)
