"""What a block of a cell may be, as arrays.

Decoding gives a block two different sources, and never `none`.
"""

from __future__ import annotations

import dataclasses
import itertools

import numpy as np

from deeplab_nas.space import cell_space, genotype


@dataclasses.dataclass(frozen=True)
class BlockOptions:
  """All that one block may be, O of them, in the order of their sources.

  Attributes:
    cell: The cell space.
    edges: int [O, 2], the edges of the two connections.
    primitives: int [O, 2], their primitives.
  """

  cell: cell_space.CellSpace
  edges: np.ndarray
  primitives: np.ndarray

  def block(self, index: int, strengths: np.ndarray) -> genotype.Block:
    """An option as a pair of connections, the stronger one first.

    Args:
      index: Which option.
      strengths: [2], of its connections.
    """
    order = np.argsort(-strengths, kind='stable')
    return tuple(
      genotype.Connection(
        self.cell.source_name(self.cell.edges[edge].source),
        self.cell.primitives[primitive].name,
      )
      for edge, primitive in zip(
        self.edges[index][order], self.primitives[index][order]
      )
    )


def block_options(cell: cell_space.CellSpace) -> tuple[BlockOptions, ...]:
  """The options of every block of a cell."""
  kept = [k for k, p in enumerate(cell.primitives) if not p.is_none]
  found = []
  for block in range(cell.num_blocks):
    rows = [
      (cell.edge_index(one, block), cell.edge_index(other, block), *chosen)
      for one, other in itertools.combinations(cell.sources(block), 2)
      for chosen in itertools.product(kept, repeat=2)
    ]
    array = np.array(rows)
    found.append(BlockOptions(cell, array[:, :2], array[:, 2:]))
  return tuple(found)
