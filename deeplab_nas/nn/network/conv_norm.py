"""The unit that derived networks are made of: convolution, then batch norm.

In training it is Keras' convolution and Keras' batch norm. For inference the
two are one: batch norm is then a scale and an offset per channel, which go into
the kernel and a bias (`deeplab_nas.nn.network.folding`). Such a convolution is
not trained and may be computed in ways that have no gradient.

Reference:
  Ioffe and Szegedy, Batch Normalization, https://arxiv.org/abs/1502.03167
  Chollet, Xception (separable convolution), https://arxiv.org/abs/1610.02357
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

from deeplab_nas.nn.network import shared_units, variables
from deeplab_nas.nn.network import winograd as winograd_lib

# Makes the batch norm of a unit; None leaves it out and gives a bias instead.
NormFactory = Callable[[], tf.keras.layers.Layer]

KINDS = ('full', 'separable', 'depthwise')
# Makes an initializer for one kernel: one that is used twice repeats itself.
InitializerFactory = Callable[[], tf.keras.initializers.Initializer]
# As in the released backbone: variance 1 / (3 * fan_in), uniform.
backbone_initializer = functools.partial(
  tf.keras.initializers.VarianceScaling,
  scale=1 / 3,
  mode='fan_in',
  distribution='uniform',
)


class DirectConv2D(tf.keras.layers.Conv2D):
  """One operation whatever the rate, for inference.

  Keras takes an atrous convolution apart (space to batch, a convolution, and
  back), since TensorFlow has no gradient of a whole one on every device. Apart
  it also multiplies with all the padding, and cannot be fused with its bias.
  """

  def convolution_op(self, inputs: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
    return tf.nn.conv2d(
      inputs,
      kernel,
      list(self.strides),
      self.padding.upper(),
      dilations=list(self.dilation_rate),
    )


class ConvNorm(tf.keras.layers.Layer):
  """A 'SAME' convolution and batch norm of float [B, H, W, C].

      unit = ConvNorm(256, 3, norm=tf.keras.layers.BatchNormalization)
      y = tf.nn.relu(unit(x, training=True))   # [B, H, W, 256]

  Attributes:
    filters: Channels of the output; those of the input if depthwise.
    kind: 'full'; 'separable', a depthwise and a 1x1 convolution with nothing
      between them; or 'depthwise'.
    convs: The one or two convolutions, in order.
    norm: Batch norm, or None where it is folded into the last convolution.
  """

  def __init__(
    self,
    filters: int,
    kernel_size: int,
    strides: int = 1,
    rate: int = 1,
    kind: str = 'full',
    norm: NormFactory | None = None,
    initializer: InitializerFactory = backbone_initializer,
    winograd: bool = False,
    name: str | None = None,
  ):
    """Builds the layers.

    Args:
      filters: Channels of the output; ignored if depthwise.
      kernel_size: Height and width.
      strides: Of the first convolution.
      rate: Atrous rate of the first convolution.
      kind: One of `KINDS`.
      norm: Makes the batch norm; None gives a bias instead, for inference.
      initializer: Makes an initializer for each kernel.
      winograd: Whether a full convolution without norm is a
        `deeplab_nas.nn.network.winograd.Conv2D`: 3x3, of stride and rate 1.
      name: Name of the layer.
    """
    super().__init__(name=name)
    if kind not in KINDS:
      raise ValueError(f'kind is {kind!r}, expected one of {", ".join(KINDS)}')
    self.filters = filters
    self.kind = kind
    if winograd:
      self.convs, self.norm = [winograd_lib.Conv2D(filters, name='conv')], None
      return
    window = {
      'kernel_size': kernel_size,
      'strides': strides,
      'dilation_rate': rate,
      'padding': 'same',
    }
    self.convs = self._convs(window, initializer, has_bias=norm is None)
    self.norm = None if norm is None else norm(name='norm')

  def _convs(
    self,
    window: dict[str, Any],
    initializer: InitializerFactory,
    has_bias: bool,
  ) -> list[tf.keras.layers.Layer]:
    """The one or two convolutions of the kind; the first has the window."""
    convs = []
    if self.kind != 'full':
      convs.append(
        tf.keras.layers.DepthwiseConv2D(
          **window,
          use_bias=has_bias and self.kind == 'depthwise',
          depthwise_initializer=initializer(),
          name='depthwise',
        )
      )
      window = {'kernel_size': 1}
    if self.kind != 'depthwise':
      conv = DirectConv2D if has_bias else tf.keras.layers.Conv2D
      convs.append(
        conv(
          self.filters,
          **window,
          use_bias=has_bias,
          kernel_initializer=initializer(),
          name='conv',
        )
      )
    return convs

  def build(self, input_shape: tf.TensorShape):
    channels = input_shape[-1]
    for conv in self.convs:
      variables.create(conv, channels)
      if not isinstance(conv, tf.keras.layers.DepthwiseConv2D):
        channels = self.filters
    if self.norm is not None:
      variables.create(self.norm, channels)
    super().build(input_shape)

  def __call__(self, x: tf.Tensor, training: bool = False) -> tf.Tensor:
    weights = shared_units.weights_of(self)
    if weights is not None:
      return self._shared(x, weights, training)
    return super().__call__(x, training=training)

  def call(self, x: tf.Tensor, training: bool = False) -> tf.Tensor:
    for conv in self.convs:
      x = conv(x)
    return x if self.norm is None else self.norm(x, training=training)

  def _shared(
    self, x: tf.Tensor, weights: Sequence[tf.Tensor], training: bool
  ) -> tf.Tensor:
    """The same by a function that other networks call too."""
    window, norm = self.convs[0], self.norm
    kind = shared_units.Kind(
      self.kind,
      window.kernel_size[0],
      window.strides[0],
      window.dilation_rate[0],
      norm.epsilon,
      norm.momentum,
      training,
    )
    statistics = norm.moving_mean, norm.moving_variance
    y, moved = shared_units.apply(kind, x, weights, statistics)
    if training:
      for variable, value in zip(statistics, moved):
        variable.assign(value)
    return y
