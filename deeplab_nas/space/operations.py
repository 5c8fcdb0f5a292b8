"""The operations of a derived network, as values that can be counted or timed.

An operation is what a device executes in one go: a convolution with its batch
norm and ReLU, a primitive, a resize. Its record holds all that its cost depends
on, so equal operations are equal values, whatever layer they stand in.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import NamedTuple

from deeplab_nas.space import primitives as primitives_lib


class Operation(NamedTuple):
  """One operation on one image.

  Attributes:
    kind: A key of `KINDS`.
    kernel_size: Height and width of the window; 1 where there is none.
    rate: Atrous rate of the window; 1 for one that strides.
    stride: Pixels of the input for one of the output, in height and in width
      (both align corners: n outputs have (n - 1) * stride + 1 inputs). For
      'upsample' the other way round: the factor by which the image grows.
    in_channels: Of its input, or of one of several inputs.
    out_channels: Of its output.
    height: Of its output; for 'mean' of its input.
    width: Likewise.
  """

  kind: str
  kernel_size: int
  rate: int
  stride: int
  in_channels: int
  out_channels: int
  height: int
  width: int

  @property
  def input_size(self) -> tuple[int, int]:
    """Height and width of the input; (1, 1) for 'broadcast'."""
    if self.kind == 'broadcast':
      return 1, 1
    if self.kind == 'upsample':
      return tuple(
        (side - 1) // self.stride + 1 for side in (self.height, self.width)
      )
    return tuple(
      (side - 1) * self.stride + 1 for side in (self.height, self.width)
    )

  def __str__(self) -> str:
    window = f' {self.kernel_size}x{self.kernel_size}'
    return (
      f'{self.kind}{window if self.kernel_size > 1 else ""} rate {self.rate}'
      f' stride {self.stride}, {self.in_channels} -> {self.out_channels}'
      f' channels at {self.height} x {self.width}'
    )


@dataclasses.dataclass(frozen=True)
class Cost:
  """What a network, or a part of one, costs. Costs can be added.

  Integers for an architecture, floats for an expectation.

  Attributes:
    params: Trainable parameters, batch norm's gamma and beta included.
    macs: Multiply-adds of the convolutions, for one image.
    activation_bytes: Float32 bytes of the outputs of all operations, for one
      image: of each convolution (depthwise and pointwise apart), batch norm,
      ReLU, pooling, resize, addition and concatenation. Identities, padding
      and cropping count nothing.
  """

  params: float = 0
  macs: float = 0
  activation_bytes: float = 0

  def __add__(self, other: Cost) -> Cost:
    return Cost(
      self.params + other.params,
      self.macs + other.macs,
      self.activation_bytes + other.activation_bytes,
    )

  def __str__(self) -> str:
    return (
      f'{_amount(self.params, ("", "K", "M"))} parameters,'
      f' {_amount(self.macs, ("", "K", "M", "B"))} multiply-adds,'
      f' {_amount(self.activation_bytes, ("bytes", "KB", "MB", "GB"))}'
      ' of activations'
    )


def _amount(value: float, units: Sequence[str]) -> str:
  """'10.15 M'; less than a tenth of the last unit is in one before it."""
  power = len(units) - 1
  while power and value < 0.1 * 1000**power:
    power -= 1
  digits = 2 if power else 0
  return f'{value / 1000**power:.{digits}f} {units[power]}'.strip()


def count(op: Operation) -> Cost:
  """What an operation costs, in integers.

  Raises:
    ValueError: If its kind is unknown.
  """
  if op.kind not in KINDS:
    raise ValueError(
      f'there is no operation of kind {op.kind!r}; costs are known for'
      f' {", ".join(KINDS)}'
    )
  pixels = op.height * op.width
  height, width = op.input_size
  return KINDS[op.kind](op, height * width, pixels)


def of_primitive(
  primitive: primitives_lib.Primitive,
  filters: int,
  stride: int,
  size: tuple[int, int],
) -> tuple[Operation, ...]:
  """What one connection of a cell computes.

  Args:
    primitive: Which.
    filters: Channels of a block.
    stride: 2 where the cell goes down and the connection reads its inputs.
    size: Height and width of the output.

  Returns:
    One operation; none for `none` and for the identity.

  Raises:
    ValueError: If the primitive's kind is unknown.
  """
  kind = primitive.kind
  if kind not in PRIMITIVE_KINDS:
    raise ValueError(
      f'primitive {primitive.name!r} is of kind {kind!r}; costs are known for '
      f'{", ".join(PRIMITIVE_KINDS)}'
    )
  if kind == 'none' or (kind == 'skip' and stride == 1):
    return ()
  rate = primitive.rate if stride == 1 else 1
  window = (primitive.kernel_size, rate, stride)
  return (Operation(kind, *window, filters, filters, *size),)


def _output(pixels: int, channels: int) -> Cost:
  """An operation without parameters: ReLU, resize, pooling, ..."""
  return Cost(activation_bytes=4 * pixels * channels)


def _bn(pixels: int, channels: int) -> Cost:
  return Cost(params=2 * channels) + _output(pixels, channels)


def _conv(pixels: int, kernel_size: int, channels: int, filters: int) -> Cost:
  weights = kernel_size**2 * channels * filters
  return Cost(weights, pixels * weights) + _output(pixels, filters)


def _depthwise(pixels: int, kernel_size: int, channels: int) -> Cost:
  weights = kernel_size**2 * channels
  return Cost(weights, pixels * weights) + _output(pixels, channels)


def _conv_bn(op: Operation, input_pixels: int, pixels: int) -> Cost:
  cost = _conv(pixels, op.kernel_size, op.in_channels, op.out_channels)
  return cost + _bn(pixels, op.out_channels)


def _conv_bn_relu(op: Operation, input_pixels: int, pixels: int) -> Cost:
  return _conv_bn(op, input_pixels, pixels) + _output(pixels, op.out_channels)


def _relu_conv_bn(op: Operation, input_pixels: int, pixels: int) -> Cost:
  relu = _output(input_pixels, op.in_channels)
  return relu + _conv_bn(op, input_pixels, pixels)


def _logits(op: Operation, input_pixels: int, pixels: int) -> Cost:
  """A 1x1 convolution with a bias."""
  cost = _conv(pixels, op.kernel_size, op.in_channels, op.out_channels)
  return cost + Cost(params=op.out_channels)


def _separable_head(op: Operation, input_pixels: int, pixels: int) -> Cost:
  """Depthwise, BN, ReLU, pointwise, BN, ReLU."""
  return (
    _depthwise(pixels, op.kernel_size, op.in_channels)
    + _bn(pixels, op.in_channels)
    + _output(pixels, op.in_channels)
    + _conv_bn_relu(op._replace(kernel_size=1), pixels, pixels)
  )


def _result(op: Operation, input_pixels: int, pixels: int) -> Cost:
  return _output(pixels, op.out_channels)


def _mean(op: Operation, input_pixels: int, pixels: int) -> Cost:
  return _output(1, op.out_channels)


def _separable(op: Operation, input_pixels: int, pixels: int) -> Cost:
  """ReLU, depthwise (which strides), pointwise, BN."""
  return (
    _output(input_pixels, op.in_channels)
    + _depthwise(pixels, op.kernel_size, op.in_channels)
    + _conv_bn(op._replace(kernel_size=1), pixels, pixels)
  )


def _separable_twice(op: Operation, input_pixels: int, pixels: int) -> Cost:
  return _separable(op, input_pixels, pixels) + _separable(op, pixels, pixels)


def _atrous(op: Operation, input_pixels: int, pixels: int) -> Cost:
  """ReLU, full convolution, BN; one that strides is resized before."""
  resize = Cost() if op.stride == 1 else _output(pixels, op.in_channels)
  relu = _output(input_pixels, op.in_channels)
  return relu + resize + _conv_bn(op, pixels, pixels)


# Kinds of primitives that a derived network can compute.
PRIMITIVE_KINDS = (
  'none',
  'skip',
  'max_pool',
  'avg_pool',
  'sep_conv',
  'atrous_conv',
  'dil_conv',
)
# By kind: (operation, pixels of its input, of its output) -> Cost.
KINDS = {
  'conv_bn': _conv_bn,
  'conv_bn_relu': _conv_bn_relu,
  'relu_conv_bn': _relu_conv_bn,
  'decoder_conv_bn_relu': _conv_bn_relu,
  'separable_conv_bn_relu': _separable_head,
  'logits': _logits,
  'relu': _result,
  'add': _result,  # of two
  'concat': _result,
  'mean': _mean,  # over the image
  'broadcast': _result,  # of one pixel
  'upsample': _result,  # bilinear
  'downsample': _result,  # bilinear
  'skip': _relu_conv_bn,  # one that strides
  'max_pool': _result,
  'avg_pool': _result,
  'sep_conv': _separable_twice,
  'atrous_conv': _atrous,
  'dil_conv': _separable,
}
