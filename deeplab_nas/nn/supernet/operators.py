"""What each kind of primitive computes on one edge of a cell.

An operator is a small object: the shapes of its weights, how often it
normalises, and the function. It holds no variables: a cell owns those of all
its edges together, so that the readable cell and the fast one share them.

Reference:
  Auto-DeepLab, Sec. 3.1, https://arxiv.org/abs/1901.02985
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Sequence

import tensorflow as tf

from deeplab_nas.space import primitives

# Normalises [B, H, W, C] per channel, without scale and offset.
Normalize = Callable[[tf.Tensor], tf.Tensor]


class FastPath(enum.Enum):
  """How the fast path computes an operator, on many edges at once.

  Attributes:
    NOTHING: Not at all: it contributes nothing.
    LINEAR: Once for each source, before the weights of the edges.
    SEPARABLE: As depthwise and grouped pointwise convolutions.
    FULL: As one grouped convolution with kernels [k, k, C, C].
    BY_EDGE: By calling it for each edge and transition.
  """

  NOTHING = 'nothing'
  LINEAR = 'linear'
  SEPARABLE = 'separable'
  FULL = 'full'
  BY_EDGE = 'by_edge'

  @property
  def scales_last_norm(self) -> bool:
    """Whether alpha is the scale of the operator's last norm."""
    return self in (FastPath.SEPARABLE, FastPath.FULL)


class Operator:
  """Base of the operators: stride 1, C channels in, C channels out.

  Attributes:
    primitive: The record that it computes.
    filters: C.
    num_norms: How often `__call__` normalises.
    fast_path: How the fast path computes it. Not inherited: a subclass may
      compute something else, so it is called unless it says how.
  """

  num_norms = 0
  fast_path = FastPath.BY_EDGE

  def __init_subclass__(cls, **kwargs):
    super().__init_subclass__(**kwargs)
    if 'fast_path' not in vars(cls):
      cls.fast_path = FastPath.BY_EDGE

  def __init__(self, primitive: primitives.Primitive, filters: int):
    self.primitive = primitive
    self.filters = filters

  @property
  def weight_shapes(self) -> tuple[tuple[int, ...], ...]:
    """Shapes of the weights of one edge, none by default.

    Full kernels are [k, k, C, C], depthwise ones [k, k, C].
    """
    return ()

  def __call__(
    self, x: tf.Tensor, weights: Sequence[tf.Tensor], normalize: Normalize
  ) -> tf.Tensor:
    """Computes [B, H, W, C] from [B, H, W, C] of the same dtype.

    Args:
      x: The source state.
      weights: One tensor for each of `weight_shapes`, of the same dtype.
      normalize: Called `num_norms` times, in order.
    """
    raise NotImplementedError


class NoConnection(Operator):
  """`none`: contributes nothing."""

  fast_path = FastPath.NOTHING

  def __call__(self, x, weights, normalize):
    return tf.zeros_like(x)


class Skip(Operator):
  """The source itself."""

  fast_path = FastPath.LINEAR

  def __call__(self, x, weights, normalize):
    return x


class MaxPool(Operator):
  """Maximum of the window's pixels that lie inside the image."""

  fast_path = FastPath.LINEAR

  def __call__(self, x, weights, normalize):
    return tf.nn.max_pool2d(x, self.primitive.kernel_size, 1, 'SAME')


class AvgPool(Operator):
  """Mean over the window's pixels that lie inside the image."""

  fast_path = FastPath.LINEAR

  def __call__(self, x, weights, normalize):
    return tf.nn.avg_pool2d(x, self.primitive.kernel_size, 1, 'SAME')


class AtrousConv(Operator):
  """ReLU, full convolution at the primitive's rate, norm."""

  num_norms = 1
  fast_path = FastPath.FULL

  @property
  def weight_shapes(self):
    kernel_size = self.primitive.kernel_size
    return ((kernel_size, kernel_size, self.filters, self.filters),)

  def __call__(self, x, weights, normalize):
    x = tf.nn.relu(x)
    x = tf.nn.conv2d(x, weights[0], 1, 'SAME', dilations=self.primitive.rate)
    return normalize(x)


class SeparableConv(Operator):
  """`repeats` times: ReLU, depthwise and pointwise convolution, norm."""

  repeats = 2
  fast_path = FastPath.SEPARABLE

  @property
  def num_norms(self):
    return self.repeats

  @property
  def weight_shapes(self):
    kernel_size = self.primitive.kernel_size
    depthwise = (kernel_size, kernel_size, self.filters)
    pointwise = (1, 1, self.filters, self.filters)
    return (depthwise, pointwise) * self.repeats

  def __call__(self, x, weights, normalize):
    rates = [self.primitive.rate] * 2
    for depthwise, pointwise in zip(weights[::2], weights[1::2]):
      x = tf.nn.relu(x)
      x = tf.nn.depthwise_conv2d(
        x, depthwise[..., tf.newaxis], [1] * 4, 'SAME', dilations=rates
      )
      x = normalize(tf.nn.conv2d(x, pointwise, 1, 'SAME'))
    return x


class DilatedConv(SeparableConv):
  """The DARTS family's dil_conv: one separable convolution at a rate."""

  repeats = 1
  fast_path = FastPath.SEPARABLE


BUILDERS: dict[str, type[Operator]] = {
  'none': NoConnection,
  'skip': Skip,
  'max_pool': MaxPool,
  'avg_pool': AvgPool,
  'sep_conv': SeparableConv,
  'atrous_conv': AtrousConv,
  'dil_conv': DilatedConv,
}


def build(primitive: primitives.Primitive, filters: int) -> Operator:
  """The operator of a primitive.

  Raises:
    ValueError: If no builder is known for the primitive's kind.
  """
  if primitive.kind not in BUILDERS:
    raise ValueError(
      f'primitive {primitive.name!r} is of kind {primitive.kind!r}; there are '
      f'builders for {", ".join(BUILDERS)}'
    )
  return BUILDERS[primitive.kind](primitive, filters)
