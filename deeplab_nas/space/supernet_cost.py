"""What a training step of the supernet holds in memory, worked out beforehand.

The supernet computes all architectures at once, so its cost has nothing to do
with that of a derived network (`cost.py`): it is a sum over all nodes of the
lattice, all edges of the cell and all primitives.

Reference:
  Auto-DeepLab, Sec. 4.1, https://arxiv.org/abs/1901.02985
"""

from __future__ import annotations

import dataclasses
import functools

from deeplab_nas.space import cell_space, lattice, primitives, search_space

_FLOAT_BYTES = 4
# Tensors as wide as all edges of a source that an operation makes: twice
# depthwise, pointwise and norm (with the next ReLU); once; convolution, norm.
# The last norm's output is added up and needed no more.
_TENSORS = {'sep_conv': 6, 'dil_conv': 3, 'atrous_conv': 2}
_SEPARABLE_REPEATS = {'sep_conv': 2, 'dil_conv': 1}
# Weights, their gradients, the decayed ones, the momentum.
_COPIES_OF_WEIGHTS = 4


@dataclasses.dataclass(frozen=True)
class SupernetCost:
  """Memory of a training step, in bytes of float32.

      cost = SupernetCost(SearchSpace(), 19, (321, 321), batch_size=2)
      cost.activation_bytes()                 # recomputed node by node
      cost.activation_bytes(recompute=False)  # all stored

  Attributes:
    space: The search space.
    num_classes: Channels of the logits.
    crop_size: Height and width of the training crops.
    batch_size: Images in a batch.
  """

  space: search_space.SearchSpace
  num_classes: int
  crop_size: tuple[int, int]
  batch_size: int

  def __post_init__(self):
    self.space.check_supernet()

  def activation_bytes(self, recompute: bool = True) -> int:
    """What a step holds at its peak, besides the weights.

    With recomputation that is what the nodes hand on, and all that the
    largest one computes.

    Args:
      recompute: Whether the nodes are computed again for the gradient.
    """
    nodes = self.space.lattice.nodes
    inside = max(
      # The copies' gradients too.
      self.node_floats(node) + 2 * self._copied_floats(node)
      for node in nodes
    )
    if not recompute:
      inside += sum(
        self.node_floats(node, kept_alone=True) + self._copied_floats(node)
        for node in nodes
      )
    return _FLOAT_BYTES * (inside + self.kept_floats())

  def total_bytes(self, recompute: bool = True) -> int:
    """Activations at the peak, and all that a step holds of the weights."""
    weights = _FLOAT_BYTES * _COPIES_OF_WEIGHTS * self.num_weights
    return self.activation_bytes(recompute) + weights

  @functools.cached_property
  def num_weights(self) -> int:
    """Trainable weights of the supernet, of stem and heads too."""
    grid = self.space.lattice
    first, second, third = self.space.supernet_stem
    stem = 9 * (3 * first + first * second + second * third)
    stem += 2 * (first + second + third)
    heads = 0
    for level in grid.levels(grid.num_layers):
      c = self.space.node_filters(level)
      heads += 11 * c * c + 6 * c + (3 * c + 1) * self.num_classes
    return stem + heads + sum(map(self._node_weights, grid.nodes))

  def _node_weights(self, node: lattice.Node) -> int:
    """Kernels of a node's inputs and of all its edges."""
    grid, filters = self.space.lattice, self.space.filters(node.level)
    inputs = self._channels(grid.prev_prev(node)) + sum(
      self._channels(edge.source) * (9 if edge.move == lattice.DOWN else 1)
      for edge in grid.edges_into(node)
    )
    cell = self.space.cell
    is_shared = self.space.shared_kernels
    num_sets = cell.num_blocks if is_shared else len(cell.edges)
    return inputs * filters + num_sets * self._set_weights(node)

  def _set_weights(self, node: lattice.Node) -> int:
    """One kernel of every primitive, as an edge computes with."""
    return sum(
      _op_weights(primitive, self.space.filters(node.level))
      for primitive in self.space.cell.primitives
    )

  def _copied_floats(self, node: lattice.Node) -> int:
    """Copies of shared kernels, one for each edge of the node."""
    if not self.space.shared_kernels:
      return 0
    return len(self.space.cell.edges) * self._set_weights(node)

  def _channels(self, node: lattice.Node) -> int:
    if node.layer < 1:  # the stem's
      return self.space.supernet_stem[node.layer - 1]
    return self.space.node_filters(node.level)

  def kept_floats(self) -> int:
    """Outputs of nodes, stem and heads, which no node computes again."""
    grid = self.space.lattice
    states = sum(
      self._pixels(grid.strides[node.level])
      * self.space.node_filters(node.level)
      for node in grid.nodes
    )
    return states + self._stem_floats() + self._head_floats()

  def node_floats(self, node: lattice.Node, kept_alone: bool = False) -> int:
    """All that a node's function computes on the way to its output.

    Args:
      node: Which node.
      kept_alone: Whether to count only what the gradient needs.
    """
    cell, filters = self.space.cell, self.space.filters(node.level)
    num_transitions = len(self.space.lattice.edges_into(node))
    channels = 0
    for source in range(cell.num_sources - 1):
      is_shared = source == cell_space.PREV_PREV_SOURCE
      t = 1 if is_shared else num_transitions
      n = sum(edge.source == source for edge in cell.edges)
      channels += t * (2 + self._num_linear)  # itself, ReLU, pools
      channels += t * n * self._tensors_per_edge(kept_alone)
      if not kept_alone:
        channels += num_transitions * n  # terms of the blocks' sums
    channels += cell.num_blocks * (num_transitions + 1)
    return (
      self._pixels(self.space.lattice.strides[node.level]) * filters * channels
    )

  @property
  def _num_linear(self) -> int:
    return sum(p.is_parameter_free for p in self.space.cell.primitives)

  def _tensors_per_edge(self, kept_alone: bool) -> int:
    kinds = [p.kind for p in self.space.cell.primitives]
    is_tiled = any(kind in _SEPARABLE_REPEATS for kind in kinds)
    convolutions = [_TENSORS[kind] for kind in kinds if kind in _TENSORS]
    if kept_alone:
      return is_tiled + sum(convolutions) - len(convolutions)
    return is_tiled + sum(convolutions) + bool(self._num_linear) + 1  # the sum

  def _pixels(self, stride: int) -> int:
    """Of all images of a batch."""
    # A crop of one pixel is padded too.
    size = [max(side, 2) for side in self.crop_size]
    return self.batch_size * self.space.lattice.pixels(size, stride)

  def _stem_floats(self) -> int:
    """Of each of the three convolutions: itself, norm, ReLU."""
    first, second, third = self.space.supernet_stem
    half = (first + second) * self._pixels(2)
    return 3 * self._pixels(1) + 3 * (half + third * self._pixels(4))

  def _head_floats(self) -> int:
    """ASPP of each stride: 3 branches and their sum; logits and their loss."""
    grid = self.space.lattice
    floats = 0
    for level in grid.levels(grid.num_layers):
      pixels = self._pixels(grid.strides[level])
      floats += pixels * (
        12 * self.space.node_filters(level) + self.num_classes
      )
    return floats + self._pixels(1) * 5 * self.num_classes


def _op_weights(primitive: primitives.Primitive, filters: int) -> int:
  window = primitive.kernel_size**2
  if primitive.kind == 'atrous_conv':
    return window * filters**2
  repeats = _SEPARABLE_REPEATS.get(primitive.kind, 0)
  return repeats * (window * filters + filters**2)
