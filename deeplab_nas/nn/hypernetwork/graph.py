"""The cell of an architecture as a graph of operations, in NumPy.

A node is an operation: the projections of both inputs, the primitive of each
term, the sum of each block, and the concatenation of all sums.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from deeplab_nas.space import cell_space, lattice, search_space
from deeplab_nas.space import genotype as genotype_lib

# Numbers of the nodes that every cell has first.
PREV_PREV, PREV = 0, 1
_SUM, _CONCAT = 'sum', 'concat'
_PER_BLOCK = 3


class CellGraph(NamedTuple):
  """An architecture, as far as its graph says.

  Attributes:
    kinds: int32 [N], what each node computes: an index of `kinds_of`.
    reads: float32 [N, N], 1 where the node of a row reads that of a column.
    levels: int32 [L], of the layers.
    moves: int32 [L], how each layer's level is reached: 0, 1 or 2 for finer,
      same or coarser.
  """

  kinds: np.ndarray
  reads: np.ndarray
  levels: np.ndarray
  moves: np.ndarray


def kinds_of(space: search_space.SearchSpace) -> tuple[str, ...]:
  """Names of what a node may compute."""
  names = (p.name for p in space.cell.primitives if not p.is_none)
  return (cell_space.PREV_PREV, cell_space.PREV, *names, _SUM, _CONCAT)


def num_nodes(num_blocks: int) -> int:
  """Nodes of a cell."""
  return 3 + _PER_BLOCK * num_blocks


def term_node(block: int, term: int) -> int:
  """Number of the node of a block's first or second primitive."""
  return 2 + _PER_BLOCK * block + term


def sum_node(block: int) -> int:
  """Number of the node that adds a block's terms."""
  return term_node(block, 2)


def groups(num_blocks: int) -> tuple[tuple[int, ...], ...]:
  """All nodes in a topological order; those of a group do not read each other.

  It is the same whatever the cell.
  """
  found = [(PREV_PREV, PREV)]
  for block in range(num_blocks):
    found.append((term_node(block, 0), term_node(block, 1)))
    found.append((sum_node(block),))
  return (*found, (num_nodes(num_blocks) - 1,))


def of(
  space: search_space.SearchSpace, genotype: genotype_lib.Genotype
) -> CellGraph:
  """The graph of an architecture of the space."""
  names = kinds_of(space)
  count = num_nodes(len(genotype.cell))
  kinds = np.full(count, names.index(_CONCAT), np.int32)
  kinds[:2] = PREV_PREV, PREV
  reads = np.zeros([count, count], np.float32)
  numbers = {cell_space.PREV_PREV: PREV_PREV, cell_space.PREV: PREV}
  for block, terms in enumerate(genotype.cell):
    total = sum_node(block)
    numbers[f'block_{block}'] = total
    kinds[total] = names.index(_SUM)
    reads[-1, total] = 1
    for term, (source, primitive) in enumerate(terms):
      node = term_node(block, term)
      kinds[node] = names.index(primitive)
      reads[node, numbers[source]] = 1
      reads[total, node] = 1
  steps = np.diff(genotype.path, prepend=lattice.STEM.level)
  return CellGraph(
    kinds,
    reads,
    np.array(genotype.path, np.int32),
    (steps + 1).astype(np.int32),
  )
