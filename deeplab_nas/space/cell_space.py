"""The space of cells: B blocks, each the sum of two connections.

Reference:
  Auto-DeepLab, Sec. 3.1, https://arxiv.org/abs/1901.02985
"""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Iterator
from typing import NamedTuple

from deeplab_nas.space import primitives as primitives_lib

PREV = 'prev'
PREV_PREV = 'prev_prev'
PREV_SOURCE, PREV_PREV_SOURCE = 0, 1

# Twice the paper's. Bringing a cell into its canonical order tries every order
# of blocks that look alike, of which there are factorially many.
MAX_BLOCKS = 10


class CellEdge(NamedTuple):
  """An edge of the cell: a source state that a block may read.

  Attributes:
    source: 0 is `prev` (H^{l-1}), 1 is `prev_prev` (H^{l-2}), 2 + i is block i.
    block: The block that reads it, counted from 0.
  """

  source: int
  block: int


@dataclasses.dataclass(frozen=True)
class CellSpace:
  """All cells of `num_blocks` blocks over a set of primitives.

  A cell is a directed acyclic graph. Block i reads two of its `2 + i` sources
  (both inputs of the cell and the earlier blocks), applies one primitive to
  each and adds the results; the cell's output is the concatenation of all
  blocks in order.

      space = CellSpace()
      len(space.edges)                      # 20
      space.edge_index(source=0, block=4)   # 14

  Attributes:
    num_blocks: B, 5 in the paper.
    primitives: The candidates on every edge, in the order of alpha's last axis.
  """

  num_blocks: int = 5
  primitives: tuple[primitives_lib.Primitive, ...] = primitives_lib.PRIMITIVES

  def __post_init__(self):
    object.__setattr__(self, 'primitives', tuple(self.primitives))
    if not 1 <= self.num_blocks <= MAX_BLOCKS:
      raise ValueError(
        f'num_blocks is {self.num_blocks}, expected 1 to {MAX_BLOCKS}'
      )
    names = [primitive.name for primitive in self.primitives]
    if len(set(names)) != len(names):
      raise ValueError(f'primitives repeat a name: {names}')
    if all(primitive.is_none for primitive in self.primitives):
      raise ValueError('a cell needs a primitive other than `none`')

  @property
  def num_sources(self) -> int:
    return 2 + self.num_blocks

  def sources(self, block: int) -> range:
    """The sources that a block may read."""
    return range(2 + block)

  def source_name(self, source: int) -> str:
    """'prev', 'prev_prev', 'block_0', ..."""
    return source_names(self.num_blocks)[source]

  @functools.cached_property
  def edges(self) -> tuple[CellEdge, ...]:
    """Every edge, block after block: the order of alpha's first axis."""
    return tuple(self._edges())

  def _edges(self) -> Iterator[CellEdge]:
    for block in range(self.num_blocks):
      for source in self.sources(block):
        yield CellEdge(source, block)

  def edge_index(self, source: int, block: int) -> int:
    """Row of alpha that belongs to the edge from `source` into `block`."""
    if not 0 <= block < self.num_blocks or source not in self.sources(block):
      raise ValueError(f'no edge leads from source {source} to block {block}')
    return sum(len(self.sources(b)) for b in range(block)) + source

  def edge_name(self, edge: CellEdge) -> str:
    """'prev -> block_0', for logs and pictures."""
    return f'{self.source_name(edge.source)} -> block_{edge.block}'

  @property
  def num_cells(self) -> int:
    """Cells as the paper counts them: 556,627,761,561,600 (5.6e14) by default.

    Ordered pairs of (source, primitive), with repetition, `none` included.
    """
    num_primitives = len(self.primitives)
    return math.prod(
      (len(self.sources(block)) * num_primitives) ** 2
      for block in range(self.num_blocks)
    )

  @property
  def num_decodable_cells(self) -> int:
    """Cells that decoding can emit: 762,683,172,300 (7.6e11) by default.

    Two different sources a block, in no order, and never `none`.
    """
    num_primitives = sum(not p.is_none for p in self.primitives)
    return math.prod(
      math.comb(len(self.sources(block)), 2) * num_primitives**2
      for block in range(self.num_blocks)
    )


@functools.cache
def source_names(num_blocks: int) -> tuple[str, ...]:
  """Names of the sources of a cell of `num_blocks` blocks, in their order."""
  return (PREV, PREV_PREV) + tuple(f'block_{i}' for i in range(num_blocks))
