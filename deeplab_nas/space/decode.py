"""From relaxed weights to one architecture.

Reference:
  Auto-DeepLab, Sec. 4.3, https://arxiv.org/abs/1901.02985
"""

from __future__ import annotations

import numpy as np

from deeplab_nas.space import arch_weights, cell_space, genotype, search_space
from deeplab_nas.space import lattice as lattice_lib

# Stands for a probability of 0 on a legal move: worse than any product of
# others, and still better than an illegal move.
_SMALLEST = np.finfo(np.float64).tiny


def decode(
  weights: arch_weights.ArchWeights, space: search_space.SearchSpace
) -> genotype.Genotype:
  """The architecture that relaxed weights stand for.

  Args:
    weights: Arrays `op` [E, K] and `edge` [L, S, 3].
    space: The search space whose axes they have.
  """
  return genotype.Genotype(
    path=decode_path(weights.edge, space.lattice),
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
  op_probs = _checked(op_probs, shape, 'op_probs')
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

  Equal products: the path that stays at finer levels.

  Args:
    edge_probs: [L, S, 3], the weights of the moves that leave a node.
    lattice: The lattice whose axes they have.

  Returns:
    The level of each layer 1 .. L.

  Raises:
    ValueError: If the weights have another shape, are negative or not finite.
  """
  edge_probs = _checked(edge_probs, lattice.legal.shape, 'edge_probs')
  if (edge_probs < 0).any():
    raise ValueError(f'edge_probs has the negative weight {edge_probs.min()}')
  log_probs = np.log(np.maximum(edge_probs, _SMALLEST))
  best = {
    lattice_lib.STEM: (0.0, ())
  }  # node -> (log of the product, path to it)
  for node in lattice.nodes:
    candidates = [
      (best[edge.source][0] + log_probs[edge.index], best[edge.source][1])
      for edge in lattice.edges_into(node)
    ]
    score, path = max(candidates, key=lambda candidate: candidate[0])
    best[node] = (score, path + (node.level,))
  ends = [node for node in lattice.nodes if node.layer == lattice.num_layers]
  return max((best[node] for node in ends), key=lambda item: item[0])[1]


def _checked(
  values: np.ndarray, shape: tuple[int, ...], name: str
) -> np.ndarray:
  values = np.asarray(values, np.float64)
  if values.shape != tuple(shape):
    raise ValueError(f'{name} has shape {values.shape}, expected {shape}')
  if not np.isfinite(values).all():
    raise ValueError(f'{name} has a value that is not finite')
  return values
