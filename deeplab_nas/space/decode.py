"""From relaxed weights to one architecture.

Reference:
  Auto-DeepLab, Sec. 4.3, https://arxiv.org/abs/1901.02985
"""

from __future__ import annotations

import numpy as np

from deeplab_nas.space import arch_weights, cell_space, genotype, search_space
from deeplab_nas.space import lattice as lattice_lib


def decode(
  weights: arch_weights.ArchWeights, space: search_space.SearchSpace
) -> genotype.Genotype:
  """The architecture that relaxed weights stand for.

  Args:
    weights: Arrays `op` [E, K] and `transition` [L, S, 3].
    space: The search space whose axes they have.
  """
  return genotype.Genotype(
    path=decode_path(weights.transition, space.lattice),
    cell=decode_cell(weights.op, space.cell),
  )


def decode_cell(
  op_probs: np.ndarray, cell: cell_space.CellSpace
) -> tuple[genotype.Block, ...]:
  """Keeps each block's two strongest edges and their strongest primitives.

  The strength of an edge is its largest weight other than that of `none`, so
  `none` is never chosen. Equal strengths: the earlier source, the earlier
  primitive.

  Args:
    op_probs: [E, K], the weights of each edge's primitives.
    cell: The cell space whose axes they have.

  Returns:
    One pair of connections for each block.

  Raises:
    ValueError: If the weights have another shape or are not finite.
  """
  shape = (len(cell.edges), len(cell.primitives))
  op_probs = arch_weights.checked_array(op_probs, shape, 'op_probs')
  is_none = np.array([primitive.is_none for primitive in cell.primitives])
  op_probs = np.where(is_none, -np.inf, op_probs)  # [E, K]
  strength, choice = op_probs.max(-1), op_probs.argmax(-1)  # [E], [E]

  def connection(source: int, block: int) -> genotype.Connection:
    primitive = cell.primitives[choice[cell.edge_index(source, block)]]
    return genotype.Connection(cell.source_name(source), primitive.name)

  def two_strongest(block: int) -> list[int]:
    return sorted(
      cell.sources(block),
      key=lambda source: -strength[cell.edge_index(source, block)],
    )[:2]

  return tuple(
    tuple(connection(source, block) for source in two_strongest(block))
    for block in range(cell.num_blocks)
  )


def decode_path(
  edge_probs: np.ndarray, lattice: lattice_lib.Lattice
) -> tuple[int, ...]:
  """The path with the largest product of transition probabilities (Viterbi).

  Equal products: the finer level in the last layer, then in the one before it,
  and so on. Where every path has a transition of weight 0: the fewest of them.

  Args:
    edge_probs: [L, S, 3], the weights of the moves that leave a node.
    lattice: The lattice whose axes they have.

  Returns:
    The level of each layer 1 .. L.

  Raises:
    ValueError: If the weights have another shape, are negative or not finite.
  """
  edge_probs = arch_weights.checked_array(
    edge_probs, lattice.legal.shape, 'edge_probs'
  )
  if (edge_probs < 0).any():
    raise ValueError(f'edge_probs has the negative weight {edge_probs.min()}')
  is_zero = edge_probs == 0
  log_probs = np.log(edge_probs, out=np.zeros_like(edge_probs), where=~is_zero)

  def extended(edge: lattice_lib.LatticeEdge) -> tuple:
    zeros, log_product, path = best[edge.source]
    return (
      zeros - is_zero[edge.index],
      log_product + log_probs[edge.index],
      path + (edge.target.level,),
    )

  # For each node, the best way to it: (-number of zeros, log of the product of
  # the rest, path). `max` keeps the first, so the finer, of equal ones.
  best = {lattice_lib.STEM: (0, 0.0, ())}
  for node in lattice.nodes:
    best[node] = max(map(extended, lattice.edges_into(node)), key=_score)
  ends = [node for node in lattice.nodes if node.layer == lattice.num_layers]
  return max((best[node] for node in ends), key=_score)[-1]


def _score(way: tuple) -> tuple:
  return way[:2]
