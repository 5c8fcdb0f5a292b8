"""The primitives as layers of a derived network, where they may stride.

On a way down, the operations that read a cell's inputs halve the resolution:
a pool and a depthwise convolution by striding, an atrous convolution by a
bilinear resize, after which its rate is 1; a skip becomes ReLU, strided 1x1
convolution, batch norm.

Reference:
  Auto-DeepLab, Sec. 3.1, https://arxiv.org/abs/1901.02985, as released in
  https://github.com/tensorflow/models/tree/master/research/deeplab
"""

from __future__ import annotations

from collections.abc import Callable

import tensorflow as tf

from deeplab_nas.nn.kernels import resize, shapes
from deeplab_nas.nn.network import conv_norm, variables
from deeplab_nas.space import primitives

ReLU = tf.keras.layers.ReLU


class NoConnection(tf.keras.layers.Layer):
  """`none`: zeros of the size that the other term has."""

  def __init__(self, strides: int):
    super().__init__()
    self.strides = strides

  def call(self, x: tf.Tensor) -> tf.Tensor:
    return tf.zeros_like(x[:, :: self.strides, :: self.strides])


class Halve(tf.keras.layers.Layer):
  """Bilinear resize with aligned corners: 2k + 1 pixels become k + 1."""

  def call(self, x: tf.Tensor) -> tf.Tensor:
    _, height, width, _ = shapes.dims(x)
    return resize.bilinear(x, [(height - 1) // 2 + 1, (width - 1) // 2 + 1])


def _none(primitive, filters, strides, norm) -> list:
  return [NoConnection(strides)]


def _skip(primitive, filters, strides, norm) -> list:
  if strides == 1:
    return []
  unit = conv_norm.ConvNorm(filters, 1, strides, norm=norm, name='conv_0')
  return [ReLU(), unit]


def _max_pool(primitive, filters, strides, norm) -> list:
  return [tf.keras.layers.MaxPool2D(primitive.kernel_size, strides, 'same')]


def _avg_pool(primitive, filters, strides, norm) -> list:
  """The mean of the window's pixels that lie inside the image."""
  return [tf.keras.layers.AvgPool2D(primitive.kernel_size, strides, 'same')]


def _atrous_conv(primitive, filters, strides, norm) -> list:
  # At half the resolution a rate of 1 reaches as far.
  resize, rate = ([], primitive.rate) if strides == 1 else ([Halve()], 1)
  unit = conv_norm.ConvNorm(
    filters, primitive.kernel_size, rate=rate, norm=norm, name='conv_0'
  )
  return [ReLU(), *resize, unit]


def _dil_conv(primitive, filters, strides, norm, name='conv_0') -> list:
  rate = primitive.rate if strides == 1 else 1
  unit = conv_norm.ConvNorm(
    filters,
    primitive.kernel_size,
    strides,
    rate,
    kind='separable',
    norm=norm,
    name=name,
  )
  return [ReLU(), unit]


def _sep_conv(primitive, filters, strides, norm) -> list:
  """Applied twice; the first time strides."""
  first = _dil_conv(primitive, filters, strides, norm)
  return first + _dil_conv(primitive, filters, 1, norm, name='conv_1')


# By kind: (primitive, filters, strides, norm) -> layers in order.
BUILDERS: dict[str, Callable[..., list[tf.keras.layers.Layer]]] = {
  'none': _none,
  'skip': _skip,
  'max_pool': _max_pool,
  'avg_pool': _avg_pool,
  'sep_conv': _sep_conv,
  'atrous_conv': _atrous_conv,
  'dil_conv': _dil_conv,
}


class DerivedOp(tf.keras.layers.Layer):
  """One primitive, applied to float [B, H, W, C].

  Attributes:
    primitive: What it computes.
    steps: Its layers, in order; none for an identity.
  """

  def __init__(
    self,
    primitive: primitives.Primitive,
    filters: int,
    strides: int,
    norm: conv_norm.NormFactory | None,
    name: str | None = None,
  ):
    """Builds the layers.

    Args:
      primitive: What to compute.
      filters: C.
      strides: 2 to halve the resolution, else 1.
      norm: Makes batch norms; None leaves them out.
      name: Name of the layer.

    Raises:
      ValueError: If no builder is known for the primitive's kind.
    """
    super().__init__(name=name)
    if primitive.kind not in BUILDERS:
      raise ValueError(
        f'primitive {primitive.name!r} is of kind {primitive.kind!r}; there'
        f' are builders for {", ".join(BUILDERS)}'
      )
    self.primitive = primitive
    self.steps = BUILDERS[primitive.kind](primitive, filters, strides, norm)

  @property
  def units(self) -> list[conv_norm.ConvNorm]:
    """Its convolutions, in order."""
    return [x for x in self.steps if isinstance(x, conv_norm.ConvNorm)]

  def build(self, input_shape: tf.TensorShape):
    for step in self.steps:
      variables.create(step, input_shape[-1])
    super().build(input_shape)

  def call(self, x: tf.Tensor, training: bool = False) -> tf.Tensor:
    for step in self.steps:
      is_unit = isinstance(step, conv_norm.ConvNorm)
      x = step(x, training=training) if is_unit else step(x)
    return x
