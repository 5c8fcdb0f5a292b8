"""Edges of a cell that can be computed at once: of its inputs, of a block.

What leaves both inputs of a cell, or one block, depends on nothing that comes
later, so the fast path has one operation for all of it.
"""

from __future__ import annotations

import functools
from typing import NamedTuple

import tensorflow as tf

from deeplab_nas.nn.kernels import graph_ops
from deeplab_nas.space import cell_space


class Group(NamedTuple):
  """Edges that leave what is there at the same time.

  Attributes:
    sources: `prev` and `prev_prev`, or a block.
    by_source: For each source the indices of its edges, block after block.
  """

  sources: tuple[int, ...]
  by_source: tuple[list[int], ...]

  @property
  def num_blocks(self) -> int:
    """How many blocks read each source."""
    return len(self.by_source[0])

  @property
  def edges(self) -> list[int]:
    """The indices of all edges, block after block."""
    return [edge for of_block in zip(*self.by_source) for edge in of_block]

  def repeated(self, x: tf.Tensor, repeats: int) -> tf.Tensor:
    """The channels of each source, those of prev or a block so often.

    Args:
      x: [..., N], N / len(sources) channels for each source.
      repeats: How often; channels of prev_prev come once.
    """
    first, *prev_prev = graph_ops.split(x, len(self.sources))
    return graph_ops.concat_channels([first] * repeats + prev_prev)


@functools.cache
def group_edges(cell: cell_space.CellSpace) -> tuple[Group, ...]:
  """The groups of a cell: of its inputs, then of all blocks but the last."""
  inputs = cell_space.PREV_SOURCE, cell_space.PREV_PREV_SOURCE
  blocks = range(2, cell.num_sources - 1)  # nobody reads the last one
  return tuple(
    Group(sources, tuple(_edges_from(source, cell) for source in sources))
    for sources in (inputs, *((block,) for block in blocks))
  )


def index_of(source: int) -> int:
  """Which group the edges from a source are in."""
  return max(source - cell_space.PREV_PREV_SOURCE, 0)


def _edges_from(source: int, cell: cell_space.CellSpace) -> list[int]:
  return [i for i, edge in enumerate(cell.edges) if edge.source == source]
