"""The layers of a derived network, listed to count what they cost.

Reference:
  Auto-DeepLab, Sec. 5.2, https://arxiv.org/abs/1901.02985 (stem and head);
  DeepLabv3+, https://arxiv.org/abs/1802.02611 (ASPP and decoder).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable

import numpy as np

from deeplab_nas.space import lattice as lattice_lib
from deeplab_nas.space import primitives as primitives_lib
from deeplab_nas.space import search_space

IMAGE_CHANNELS = 3
STEM_FILTERS = (64, 64, 128)
ASPP_FILTERS = 256
NUM_ATROUS_BRANCHES = 3
LOW_LEVEL_FILTERS = 48
DECODER_FILTERS = 256


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
      f'{self.params / 1e6:.2f} M parameters, '
      f'{self.macs / 1e9:.2f} B multiply-adds, '
      f'{self.activation_bytes / 1e9:.2f} GB of activations'
    )


@dataclasses.dataclass(frozen=True)
class CostTable:
  """Every number that a cost is made of; the last axis is `Cost`'s fields.

  Float64 and exact, as all entries are integers far below 2**53. Levels that
  are no neighbours hold zeros.

  Attributes:
    stem: [3].
    cell: [L, S, S, S, 3], what a cell needs whatever its operations are, by
      layer and by the levels of the layer before the previous one, of the
      previous one, and of the cell itself. Layers -1 and 0 have level 0.
    op: [S, S, E, K, 3], one operation in one cell, by the levels of the
      previous layer and of the cell, by cell edge and by primitive.
    aspp: [S, 3], by the level of the last layer.
    decoder: [S, 3], by the level of the last layer.
    low_level: [S, 3], the decoder's projection of stride-4 features, by the
      level of the first layer.
  """

  stem: np.ndarray
  cell: np.ndarray
  op: np.ndarray
  aspp: np.ndarray
  decoder: np.ndarray
  low_level: np.ndarray


@dataclasses.dataclass(frozen=True)
class DerivedLayers:
  """The layers of the networks of a space, part by part.

  Attributes: see `CostModel`.
  """

  space: search_space.SearchSpace
  num_classes: int
  image_size: tuple[int, int]
  separable_head: bool

  def table(self) -> CostTable:
    """Counts every part at every place where it may stand."""
    levels = range(self.space.lattice.num_levels)
    return CostTable(
      stem=_array([self.stem()])[0],
      cell=self._cell_array(),
      op=self._op_array(),
      aspp=_array(map(self.aspp, levels)),
      decoder=_array(map(self.decoder, levels)),
      low_level=_array(map(self.low_level, levels)),
    )

  def _cell_array(self) -> np.ndarray:
    lattice = self.space.lattice
    array = np.zeros([lattice.num_layers] + [lattice.num_levels] * 3 + [3])
    for prev, node in lattice.edges:
      for level in lattice.levels(node.layer - 2):
        prev_prev = lattice_lib.Node(node.layer - 2, level)
        array[node.layer - 1, level, prev.level, node.level] = _array(
          [self.cell(prev_prev, prev, node)]
        )[0]
    return array

  def _op_array(self) -> np.ndarray:
    lattice, cell = self.space.lattice, self.space.cell
    axes = [len(cell.edges), len(cell.primitives), 3]
    array = np.zeros([lattice.num_levels] * 2 + axes)
    reads_input = np.array([source < 2 for source, _ in cell.edges])  # [E]
    for levels in {(prev.level, node.level) for prev, node in lattice.edges}:
      for is_input in (False, True):
        array[levels][reads_input == is_input] = _array(
          self.op(primitive, is_input, *levels) for primitive in cell.primitives
        )
    return array

  def pixels(self, stride: int) -> int:
    return self.space.lattice.pixels(self.image_size, stride)

  def level_pixels(self, level: int) -> int:
    return self.pixels(self.space.lattice.strides[level])

  def channels(self, node: lattice_lib.Node) -> int:
    """Of a layer's output; layers -1 and 0 are the stem's last two."""
    if node.layer < 1:
      return STEM_FILTERS[node.layer - 1]
    return self.space.node_filters(node.level)

  def stem(self) -> Cost:
    """Three convolutions; the last one feeds the cells without its ReLU."""
    first, second, third = STEM_FILTERS
    half, quarter = self.pixels(2), self.pixels(4)
    return (
      _conv_bn(half, 3, IMAGE_CHANNELS, first)
      + _output(half, first)
      + _conv_bn(half, 3, first, second)
      + _output(half, second)
      + _conv_bn(quarter, 3, second, third)
    )

  def cell(
    self,
    prev_prev: lattice_lib.Node,
    prev: lattice_lib.Node,
    node: lattice_lib.Node,
  ) -> Cost:
    """All but the operations: inputs, additions, concatenation.

    A cell that goes up resizes `prev` first; one that goes down reads its
    inputs at the finer level and leaves the stride to its operations.
    """
    filters = self.space.filters(node.level)
    input_level = min(prev.level, node.level)
    pixels, input_pixels = map(self.level_pixels, (node.level, input_level))
    cost = Cost()
    if prev.level != input_level:
      cost += _output(input_pixels, self.channels(prev))
    if prev_prev.layer < 0 or prev_prev.level != input_level:
      cost += _output(input_pixels, self.channels(prev_prev))
    cost += _relu_conv_bn(input_pixels, 1, self.channels(prev), filters)
    if self.channels(prev_prev) != filters:
      cost += _relu_conv_bn(input_pixels, 1, self.channels(prev_prev), filters)
    cost += _output(pixels, 2 * self.space.cell.num_blocks * filters)
    if node.layer == self.space.lattice.num_layers:  # the final ReLU
      cost += _output(pixels, self.channels(node))
    return cost

  def op(
    self,
    primitive: primitives_lib.Primitive,
    reads_input: bool,
    prev_level: int,
    level: int,
  ) -> Cost:
    """One operation; those that read the cell's inputs stride on a way down."""
    if primitive.kind not in OP_COSTS:
      raise ValueError(
        f'primitive {primitive.name!r} is of kind {primitive.kind!r}; costs '
        f'are known for {", ".join(OP_COSTS)}'
      )
    pixels = self.level_pixels(level)
    is_strided = reads_input and prev_level < level
    input_pixels = self.level_pixels(prev_level) if is_strided else pixels
    return OP_COSTS[primitive.kind](
      primitive, self.space.filters(level), input_pixels, pixels
    )

  def aspp(self, level: int) -> Cost:
    """Image pooling, 1x1, three atrous 3x3, concatenation, projection."""
    channels = self.space.node_filters(level)
    pixels = self.level_pixels(level)
    cost = (
      _output(1, channels)  # mean
      + _conv_bn_relu(1, 1, channels, ASPP_FILTERS)
      + _output(pixels, ASPP_FILTERS)  # resize
      + _conv_bn_relu(pixels, 1, channels, ASPP_FILTERS)
    )
    for _ in range(NUM_ATROUS_BRANCHES):
      cost += self._head_conv(pixels, channels, ASPP_FILTERS)
    concatenated = (2 + NUM_ATROUS_BRANCHES) * ASPP_FILTERS
    cost += _output(pixels, concatenated)
    return cost + _conv_bn_relu(pixels, 1, concatenated, ASPP_FILTERS)

  def decoder(self, level: int) -> Cost:
    """From ASPP's output at a level to logits as large as the image."""
    pixels = self.pixels(4)
    concatenated = ASPP_FILTERS + LOW_LEVEL_FILTERS
    cost = _output(pixels, ASPP_FILTERS if level else 0)  # resize
    cost += _output(pixels, concatenated)
    cost += self._head_conv(pixels, concatenated, DECODER_FILTERS)
    cost += self._head_conv(pixels, DECODER_FILTERS, DECODER_FILTERS)
    cost += _conv(pixels, 1, DECODER_FILTERS, self.num_classes)
    cost += Cost(params=self.num_classes)  # the bias
    return cost + _output(self.pixels(1), self.num_classes)  # resize

  def low_level(self, first_level: int) -> Cost:
    """Stride-4 features: the last layer before the path first goes down.

    If it goes down at once that is the stem.
    """
    source = lattice_lib.Node(0 if first_level else 1, 0)
    return _conv_bn_relu(
      self.pixels(4), 1, self.channels(source), LOW_LEVEL_FILTERS
    )

  def _head_conv(self, pixels: int, channels: int, filters: int) -> Cost:
    """A 3x3 convolution, or two parts with a batch norm and ReLU each."""
    if not self.separable_head:
      return _conv_bn_relu(pixels, 3, channels, filters)
    return (
      _depthwise(pixels, 3, channels)
      + _bn(pixels, channels)
      + _output(pixels, channels)
      + _conv_bn_relu(pixels, 1, channels, filters)
    )


def _array(costs: Iterable[Cost]) -> np.ndarray:
  """float64 [N, 3]."""
  return np.array([dataclasses.astuple(cost) for cost in costs], np.float64)


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


def _conv_bn(
  pixels: int, kernel_size: int, channels: int, filters: int
) -> Cost:
  return _conv(pixels, kernel_size, channels, filters) + _bn(pixels, filters)


def _conv_bn_relu(
  pixels: int, kernel_size: int, channels: int, filters: int
) -> Cost:
  return _conv_bn(pixels, kernel_size, channels, filters) + _output(
    pixels, filters
  )


def _relu_conv_bn(
  pixels: int, kernel_size: int, channels: int, filters: int
) -> Cost:
  return _output(pixels, channels) + _conv_bn(
    pixels, kernel_size, channels, filters
  )


def _none(primitive, filters, input_pixels, pixels) -> Cost:
  return Cost()


def _skip(primitive, filters, input_pixels, pixels) -> Cost:
  """The identity, or ReLU-1x1-BN where it has to stride."""
  if input_pixels == pixels:
    return Cost()
  return _output(input_pixels, filters) + _conv_bn(pixels, 1, filters, filters)


def _pool(primitive, filters, input_pixels, pixels) -> Cost:
  return _output(pixels, filters)


def _separable(primitive, filters, input_pixels, pixels) -> Cost:
  """ReLU, depthwise (which strides), pointwise, BN."""
  return (
    _output(input_pixels, filters)
    + _depthwise(pixels, primitive.kernel_size, filters)
    + _conv_bn(pixels, 1, filters, filters)
  )


def _separable_twice(primitive, filters, input_pixels, pixels) -> Cost:
  first = _separable(primitive, filters, input_pixels, pixels)
  return first + _separable(primitive, filters, pixels, pixels)


def _atrous(primitive, filters, input_pixels, pixels) -> Cost:
  """ReLU, full convolution, BN; one that strides is resized before."""
  resize = _output(pixels, filters) if input_pixels != pixels else Cost()
  convolution = _conv_bn(pixels, primitive.kernel_size, filters, filters)
  return _output(input_pixels, filters) + resize + convolution


# By kind: (primitive, filters, pixels of its input, of its output) -> Cost.
OP_COSTS: dict[str, Callable[..., Cost]] = {
  'none': _none,
  'skip': _skip,
  'max_pool': _pool,
  'avg_pool': _pool,
  'sep_conv': _separable_twice,
  'atrous_conv': _atrous,
  'dil_conv': _separable,
}
