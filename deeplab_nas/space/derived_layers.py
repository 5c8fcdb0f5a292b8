"""The layers of a derived network, listed as operations, part by part.

Reference:
  Auto-DeepLab, Sec. 5.2, https://arxiv.org/abs/1901.02985 (stem and head);
  DeepLabv3+, https://arxiv.org/abs/1802.02611 (ASPP and decoder).
"""

from __future__ import annotations

import dataclasses

from deeplab_nas.space import genotype as genotype_lib
from deeplab_nas.space import lattice as lattice_lib
from deeplab_nas.space import operations, search_space, widths
from deeplab_nas.space import primitives as primitives_lib

IMAGE_CHANNELS = 3

Operation = operations.Operation
Operations = tuple[Operation, ...]


@dataclasses.dataclass(frozen=True)
class DerivedLayers:
  """The operations of the networks of a space.

  Attributes: see `CostModel`; and
    prev_prev_projections: None where H^{l-2} is projected as the network does,
      which is where its channels differ from a block's; True is everywhere,
      False nowhere. The cost without them never falls as the network gets
      wider.
  """

  space: search_space.SearchSpace
  num_classes: int
  image_size: tuple[int, int]
  separable_head: bool = False
  stem_filters: tuple[int, int, int] = widths.STEM_FILTERS
  head_filters: int = widths.HEAD_FILTERS
  aspp_rates: tuple[int, ...] = widths.ASPP_RATES
  low_level_stride: int = widths.LOW_LEVEL_STRIDE
  prev_prev_projections: bool | None = None

  @property
  def widths(self) -> widths.NetworkWidths:
    return widths.NetworkWidths(
      self.space.filter_multiplier, self.stem_filters, self.head_filters
    )

  def of(self, genotype: genotype_lib.Genotype) -> dict[str, Operations]:
    """All that one network computes, by part.

    Returns:
      'stem', 'cells', 'aspp' and 'decoder', which ends with the logits.
    """
    first, last = genotype.path[0], genotype.path[-1]
    layers = self.below(max(genotype.path))
    return {
      'stem': layers.stem(),
      'cells': layers.cells(genotype),
      'aspp': layers.aspp(last),
      'decoder': layers.low_level(first) + layers.decoder(last),
    }

  def below(self, level: int) -> DerivedLayers:
    """Those of networks whose coarsest level is this one.

    A network pads its images to a multiple of its own coarsest stride plus 1.
    """
    strides = self.space.lattice.strides[: level + 1]
    lattice = dataclasses.replace(self.space.lattice, strides=strides)
    space = dataclasses.replace(self.space, lattice=lattice)
    return dataclasses.replace(self, space=space)

  def by_coarsest(self) -> list[DerivedLayers]:
    """For each level those of the networks that get so coarse.

    Only the last one, which is for all, where images need no padding.
    """
    lattice = self.space.lattice
    coarsest = lattice.strides[-1]
    if all((side - 1) % coarsest == 0 for side in self.image_size):
      return [self]
    return [self.below(level) for level in lattice.levels(lattice.num_layers)]

  def cells(self, genotype: genotype_lib.Genotype) -> Operations:
    """Those of all layers of a path."""
    terms = [
      (primitives_lib.BY_NAME[name], source < 2)
      for (source, _), name in genotype.edges()
    ]
    nodes = [
      lattice_lib.Node(layer - 1, level)
      for layer, level in enumerate((0, 0, *genotype.path))
    ]
    found = ()
    for prev_prev, prev, node in zip(nodes, nodes[1:], nodes[2:]):
      found += self.cell(prev_prev, prev, node)
      for primitive, reads_input in terms:
        found += self.op(primitive, reads_input, prev.level, node.level)
    return found

  def size(self, stride: int) -> tuple[int, int]:
    """Height and width of a feature map."""
    return self.space.lattice.size(self.image_size, stride)

  def channels(self, node: lattice_lib.Node) -> int:
    """Of a layer's output; layers -1 and 0 are the stem's last two."""
    if node.layer < 1:
      return self.stem_filters[node.layer - 1]
    return self.space.node_filters(node.level)

  def stem(self) -> Operations:
    """Three convolutions; the last one feeds the cells without its ReLU."""
    first, second, third = self.stem_filters
    half, quarter = self.size(2), self.size(4)
    return (
      Operation('conv_bn_relu', 3, 1, 2, IMAGE_CHANNELS, first, *half),
      Operation('conv_bn_relu', 3, 1, 1, first, second, *half),
      Operation('conv_bn', 3, 1, 2, second, third, *quarter),
    )

  def cell(
    self,
    prev_prev: lattice_lib.Node,
    prev: lattice_lib.Node,
    node: lattice_lib.Node,
  ) -> Operations:
    """All but the primitives: inputs, additions, concatenation.

    A cell that goes up resizes `prev` first; one that goes down reads its
    inputs at the finer level and leaves the stride to its operations.
    """
    filters, blocks = self.space.filters(node.level), self.space.cell.num_blocks
    stride = min(self._stride(prev), self._stride(node))
    size, input_size = self.size(self._stride(node)), self.size(stride)

    def projection(source: lattice_lib.Node) -> Operation:
      channels = self.channels(source)
      return Operation('relu_conv_bn', 1, 1, 1, channels, filters, *input_size)

    found = self._resized(prev, stride) + self._resized(prev_prev, stride)
    found += (projection(prev),)
    if self._projects(self.channels(prev_prev), filters):
      found += (projection(prev_prev),)
    found += blocks * (_plain('add', filters, filters, size),)
    channels = self.channels(node)
    found += (_plain('concat', filters, channels, size),)
    if node.layer == self.space.lattice.num_layers:  # the final ReLU
      found += (_plain('relu', channels, channels, size),)
    return found

  def op(
    self,
    primitive: primitives_lib.Primitive,
    reads_input: bool,
    prev_level: int,
    level: int,
  ) -> Operations:
    """One connection; those that read the cell's inputs stride on a way down.

    Raises:
      ValueError: If the primitive's kind is unknown.
    """
    stride = 2 if reads_input and prev_level < level else 1
    size = self.size(self.space.lattice.strides[level])
    filters = self.space.filters(level)
    return operations.of_primitive(primitive, filters, stride, size)

  def aspp(self, level: int) -> Operations:
    """Image pooling, 1x1, atrous 3x3s, concatenation, projection."""
    channels, filters = self.space.node_filters(level), self.head_filters
    size = self.size(self.space.lattice.strides[level])
    joined = (2 + len(self.aspp_rates)) * filters
    return (
      _plain('mean', channels, channels, size),
      Operation('conv_bn_relu', 1, 1, 1, channels, filters, 1, 1),
      _plain('broadcast', filters, filters, size),
      Operation('conv_bn_relu', 1, 1, 1, channels, filters, *size),
      *(self._head_conv(size, channels, rate) for rate in self.aspp_rates),
      _plain('concat', filters, joined, size),
      Operation('conv_bn_relu', 1, 1, 1, joined, filters, *size),
    )

  def decoder(self, level: int) -> Operations:
    """From ASPP's output at a level to logits as large as the image."""
    stride, filters = self.low_level_stride, self.head_filters
    size = self.size(stride)
    joined = filters + self.widths.low_level_filters
    given = self.space.lattice.strides[level]
    return (
      *self._resize(filters, given, stride),
      _plain('concat', filters, joined, size),
      self._decoder_conv(size, joined),
      self._decoder_conv(size, filters),
      Operation('logits', 1, 1, 1, filters, self.num_classes, *size),
      _upsample(stride, self.num_classes, self.size(1)),
    )

  def low_level(self, first_level: int) -> Operations:
    """Low-level features: the last layer before the path first goes coarser.

    At stride 4 that is the stem if the path goes down at once.
    """
    level = (self.low_level_stride // 4).bit_length() - 1
    is_stem = level == 0 and first_level
    source = lattice_lib.Node(0 if is_stem else 1, level)
    filters = self.widths.low_level_filters
    size = self.size(self.low_level_stride)
    channels = self.channels(source)
    return (Operation('conv_bn_relu', 1, 1, 1, channels, filters, *size),)

  def _head_conv(
    self, size: tuple[int, int], channels: int, rate: int = 1
  ) -> Operation:
    kind = 'separable_conv_bn_relu' if self.separable_head else 'conv_bn_relu'
    return Operation(kind, 3, rate, 1, channels, self.head_filters, *size)

  def _decoder_conv(self, size: tuple[int, int], channels: int) -> Operation:
    """A full one is of a kind of its own: exports compute it in another way."""
    found = self._head_conv(size, channels)
    if self.separable_head:
      return found
    return found._replace(kind='decoder_conv_bn_relu')

  def _projects(self, channels: int, filters: int) -> bool:
    if self.prev_prev_projections is None:
      return channels != filters
    return self.prev_prev_projections

  def _stride(self, node: lattice_lib.Node) -> int:
    if node.layer < 0:
      return self.space.lattice.strides[0] // 2
    return self.space.lattice.strides[node.level]

  def _resized(self, node: lattice_lib.Node, stride: int) -> Operations:
    """A layer's output at another stride; nothing where it has that one."""
    return self._resize(self.channels(node), self._stride(node), stride)

  def _resize(self, channels: int, given: int, stride: int) -> Operations:
    """Features of one stride at another; nothing where it is the same."""
    if given == stride:
      return ()
    size = self.size(stride)
    if given > stride:
      return (_upsample(given // stride, channels, size),)
    window = (1, 1, stride // given)
    return (Operation('downsample', *window, channels, channels, *size),)


def _plain(
  kind: str, in_channels: int, out_channels: int, size: tuple[int, int]
) -> Operation:
  """An operation without weights that keeps the size."""
  return Operation(kind, 1, 1, 1, in_channels, out_channels, *size)


def _upsample(factor: int, channels: int, size: tuple[int, int]) -> Operation:
  return Operation('upsample', 1, 1, factor, channels, channels, *size)
