r"""The network level: a lattice of layers and strides, and its paths.

          layer  0    1    2    3   ...  12
    stride 4     stem-o----o----o-- ... -o
                     \ X
    stride 8           o----o----o-- ... -o
                         \ X
    stride 16               o----o-- ... -o
                              \ X
    stride 32                    o-- ... -o

Reference:
  Auto-DeepLab, Sec. 3.2 and Fig. 1, https://arxiv.org/abs/1901.02985
"""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

# A move is an index of beta's last axis; its level step is `move - 1`.
UP, SAME, DOWN = range(3)  # to half the stride, the same, twice the stride
MOVES = (UP, SAME, DOWN)
MOVE_NAMES = ('up', 'same', 'down')


class Node(NamedTuple):
  """A place in the lattice.

  Attributes:
    layer: 1 .. L; the stem's outputs are layers -1 and 0.
    level: Index of the stride in `Lattice.strides`.
  """

  layer: int
  level: int

  @property
  def name(self) -> str:
    """'layer3_level1', in checkpoints and logs."""
    return f'layer{self.layer}_level{self.level}'


class LatticeEdge(NamedTuple):
  """A legal transition into the next layer; one entry of beta.

  Attributes:
    source: The node it leaves (layer 0 is the stem).
    target: The node it enters, one layer further.
  """

  source: Node
  target: Node

  @property
  def name(self) -> str:
    """'layer3_level1_same', in checkpoints and logs."""
    return f'{self.target.name}_{MOVE_NAMES[self.move]}'

  @property
  def move(self) -> int:
    return self.target.level - self.source.level + 1

  @property
  def index(self) -> tuple[int, int, int]:
    """Position in beta [L, S, 3]: (layer, source level, move)."""
    return self.source.layer, self.source.level, self.move


STEM = Node(layer=0, level=0)


@dataclasses.dataclass(frozen=True)
class Lattice:
  """All ways through `num_layers` layers at the given strides.

  A path starts at the stem (the first stride) and in every layer keeps the
  level or moves by one.

      lattice = Lattice()
      len(lattice.nodes), len(lattice.edges), lattice.num_paths
      # (45, 105, 75025)

  The paper prints 2.9e4 paths; that is 28,657, the count for 11 layers.

  Attributes:
    num_layers: L, 12 in the paper.
    strides: Output strides of the levels, each twice the one before.
  """

  num_layers: int = 12
  strides: tuple[int, ...] = (4, 8, 16, 32)

  def __post_init__(self):
    if self.num_layers < 1:
      raise ValueError(f'num_layers is {self.num_layers}, expected at least 1')
    if not self.strides or self.strides[0] != 4:
      raise ValueError(
        f"strides are {self.strides}; the first has to be 4, the stem's"
      )
    for fine, coarse in zip(self.strides, self.strides[1:]):
      if coarse != 2 * fine:
        raise ValueError(f'strides are {self.strides}; each has to double')

  @property
  def num_levels(self) -> int:
    return len(self.strides)

  def pixels(self, image_size: Iterable[int], stride: int) -> int:
    """Pixels of a feature map, see `size`."""
    return math.prod(self.size(image_size, stride))

  def size(self, image_size: Iterable[int], stride: int) -> tuple[int, ...]:
    """Height and width of a feature map; (n - 1) / stride + 1 on each side.

    Args:
      image_size: Height and width; padded to a multiple of the coarsest stride
        plus 1.
      stride: Of the feature map; the lattice may lack it.
    """
    coarsest = max(self.strides[-1], stride)
    return tuple(
      -(-(side - 1) // coarsest) * (coarsest // stride) + 1
      for side in image_size
    )

  def levels(self, layer: int) -> range:
    """Levels that exist in a layer: one more a layer, from the stem's one."""
    return range(min(max(layer, 0) + 1, self.num_levels))

  @functools.cached_property
  def nodes(self) -> tuple[Node, ...]:
    """The nodes of layers 1 .. L, in the order of computation."""
    return tuple(
      Node(layer, level)
      for layer in range(1, self.num_layers + 1)
      for level in self.levels(layer)
    )

  @functools.cached_property
  def edges(self) -> tuple[LatticeEdge, ...]:
    """Every legal transition, layer after layer."""
    return tuple(self._edges())

  def _edges(self) -> Iterator[LatticeEdge]:
    for node in self.nodes:
      for source_level in range(node.level - 1, node.level + 2):
        if source_level in self.levels(node.layer - 1):
          yield LatticeEdge(Node(node.layer - 1, source_level), node)

  def edges_into(self, node: Node) -> tuple[LatticeEdge, ...]:
    """The one to three transitions that enter a node, finest source first."""
    return self._edges_by_target[node]

  @functools.cached_property
  def _edges_by_target(self) -> dict[Node, tuple[LatticeEdge, ...]]:
    return {
      node: tuple(edge for edge in self.edges if edge.target == node)
      for node in self.nodes
    }

  def prev_prev(self, node: Node) -> Node:
    """Where a node finds H^{l-2}: its own stride two layers before, Eq. (6).

    Differs from the paper, which leaves open what happens where that node does
    not exist (the first layers, and levels just reached): there it is the
    coarsest level that the layer has, which is the nearest one.
    """
    levels = self.levels(node.layer - 2)
    return Node(node.layer - 2, min(node.level, levels[-1]))

  @functools.cached_property
  def legal(self) -> np.ndarray:
    """bool [L, S, 3], read-only: which (layer, source level, move) exist."""
    legal = np.zeros([self.num_layers, self.num_levels, len(MOVES)], bool)
    for edge in self.edges:
      legal[edge.index] = True
    legal.flags.writeable = False
    return legal

  @property
  def num_paths(self) -> int:
    """Number of paths through all layers; 75,025 by default."""
    return self.num_paths_from[STEM]

  @functools.cached_property
  def num_paths_from(self) -> dict[Node, int]:
    """For the stem and each node, the ways from there to the last layer."""
    counts = {node: 1 for node in self.nodes if node.layer == self.num_layers}
    for edge in reversed(self.edges):
      counts[edge.source] = counts.get(edge.source, 0) + counts[edge.target]
    return counts

  def is_path(self, path: Sequence[int]) -> bool:
    """Whether the levels make a legal path through all layers."""
    try:
      self.path_edges(path)
    except ValueError:
      return False
    return True

  def paths(self) -> Iterator[tuple[int, ...]]:
    """Every path, as the level of each layer 1 .. L, in lexical order."""
    return self._extend(())

  def _extend(self, path: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
    if len(path) == self.num_layers:
      yield path
      return
    for level in self.next_levels(path):
      yield from self._extend(path + (level,))

  def next_levels(self, path: Sequence[int]) -> tuple[int, ...]:
    """Levels that a path (levels of its layers so far) may go to."""
    level = path[-1] if path else STEM.level
    return tuple(
      level + move - 1 for move in MOVES if self.legal[len(path), level, move]
    )

  def path_edges(self, path: Sequence[int]) -> tuple[LatticeEdge, ...]:
    """The transitions that a path takes.

    Raises:
      ValueError: If the path has another length or makes an illegal move.
    """
    if len(path) != self.num_layers:
      raise ValueError(
        f'path has {len(path)} levels, the lattice has {self.num_layers} layers'
      )
    for layer in range(self.num_layers):
      if path[layer] not in self.next_levels(path[:layer]):
        raise ValueError(
          f'path {list(path)} cannot be at level {path[layer]} in layer '
          f'{layer + 1}; it may be at {list(self.next_levels(path[:layer]))}'
        )
    nodes = [STEM] + [Node(i + 1, level) for i, level in enumerate(path)]
    return tuple(map(LatticeEdge, nodes, nodes[1:]))
