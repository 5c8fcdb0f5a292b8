"""The mean cost of relaxed weights: one polynomial, for arrays and for tensors.

A function takes the `library` that computes, `numpy` or `tensorflow`, of which
it needs `einsum` and `stack`. With TensorFlow's the mean has a gradient.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from deeplab_nas.space import cell_space, cost_table
from deeplab_nas.space import lattice as lattice_lib

# Added where a divisor may be 0: such a block has no two connections.
_SMALLEST = 1e-300


def mean(
  tables: Sequence[cost_table.CostTable],
  lattice: lattice_lib.Lattice,
  op: Any,
  transition: Any,
  library: Any = np,
) -> Any:
  """The mean of all that tables measure, float64 [N].

  The path is a Markov chain that starts at the stem. Linear in `op`, and in the
  weights of each node's moves.

  Args:
    tables: As of `CostModel.measure_tables`.
    lattice: Of the paths.
    op: float64 [E, K].
    transition: float64 [L, S, 3].
    library: What computes.
  """
  moves = _moves(lattice, transition, library)
  coarsest = lattice.num_levels - 1
  if len(tables) == 1:
    triples = _triples(lattice, moves, coarsest, library)
    return tables[0].stem + _mean_below(tables[0], op, triples, library)
  # By the coarsest level of the path: those up to it, but for those finer.
  total, probability = np.zeros_like(tables[0].stem), 0.0
  finer = None
  for level, table in enumerate(tables):
    triples = _triples(lattice, moves, level, library)
    total = total + _mean_below(table, op, triples, library)
    before, probability = probability, library.einsum('abc->', triples[-1])
    total = total + (probability - before) * table.stem
    if finer is not None:
      total = total - _mean_below(table, op, finer, library)
    finer = triples
  return total


def drawn_connections(
  op: Any, cell: cell_space.CellSpace, library: Any = np
) -> Any:
  """How probable each connection is in cells drawn by their score.

  P(cell) is in proportion to the product of the weights of its connections, of
  which each block has two, from different sources, none of them `none`. Of
  these cells `decode_cell` takes the most probable one.

  Args:
    op: float64 [E, K], the weights.
    cell: The cell space whose axes they have.
    library: What computes.

  Returns:
    float64 [E, K]; of each block they sum to 2.
  """
  blocks = np.eye(cell.num_blocks)[[edge.block for edge in cell.edges]]  # [E,B]
  is_counted = [float(not p.is_none) for p in cell.primitives]
  counted = library.einsum('ek,k->ek', op, np.array(is_counted))
  strength = library.einsum('ek->e', counted)
  # Sums of products: of differences nothing is left where one source dominates.
  is_other = blocks @ blocks.T - np.eye(len(blocks))  # [E, E]
  others = library.einsum('ef,f->e', is_other, strength)
  twice = library.einsum('e,e,eb->b', strength, others, blocks)
  pairs = twice / 2  # [B], of two sources each
  by_edge = library.einsum('b,eb->e', pairs, blocks) + _SMALLEST
  return library.einsum('ek,e->ek', counted, others / by_edge)


def _moves(
  lattice: lattice_lib.Lattice, transition: Any, library: Any
) -> list[Any]:
  """Into layers 0 .. L, [S, S] each, from one level to another."""
  num_levels = lattice.num_levels
  by_level = np.zeros([num_levels, len(lattice_lib.MOVES), num_levels])
  for edge in lattice.edges:
    by_level[edge.source.level, edge.move, edge.target.level] = 1
  legal = library.einsum(
    'lsm,lsm->lsm', transition, lattice.legal.astype(np.float64)
  )
  moves = library.einsum('lsm,smt->lst', legal, by_level)
  stem = np.zeros([num_levels, num_levels])
  stem[0, 0] = 1
  return [stem] + [moves[layer] for layer in range(lattice.num_layers)]


def _triples(
  lattice: lattice_lib.Lattice,
  moves: Sequence[Any],
  coarsest: int,
  library: Any,
) -> Any:
  """Probabilities of the levels of layers l-2, l-1 and l: [L, S, S, S].

  Of whole paths that stay at or above a level.
  """
  num_levels = lattice.num_levels
  if coarsest < num_levels - 1:
    stays = np.arange(num_levels) <= coarsest
    mask = np.outer(stays, stays).astype(np.float64)
    moves = [library.einsum('ab,ab->ab', move, mask) for move in moves]
  probs = [np.eye(num_levels)[0]]  # of the levels of layer -1, 0, ...
  for move in moves[:-2]:
    probs.append(library.einsum('a,ab->b', probs[-1], move))
  moves = library.stack(moves)
  triples = library.einsum(
    'la,lab,lbc->labc', library.stack(probs), moves[:-1], moves[1:]
  )
  if coarsest == num_levels - 1:
    return triples
  rest = [np.ones(num_levels)]  # to stay there until the end
  for layer in range(lattice.num_layers, 1, -1):
    rest.insert(0, library.einsum('ab,b->a', moves[layer], rest[0]))
  return library.einsum('labc,lc->labc', triples, library.stack(rest))


def _mean_below(
  table: cost_table.CostTable, op: Any, triples: Any, library: Any
) -> Any:
  """[N], over the paths of some triples; without the stem."""
  num_levels = len(table.aspp)
  triples = triples[:, :num_levels, :num_levels, :num_levels]
  pairs = library.einsum('labc->bc', triples)  # mean visits
  first = library.einsum('abc->c', triples[0])
  last = library.einsum('abc->c', triples[-1])
  places = library.einsum('bc,bcekm->ekm', pairs, table.op)
  return (
    library.einsum('labc,labcm->m', triples, table.cell)
    + library.einsum('ek,ekm->m', op, places)
    + library.einsum('c,cm->m', last, table.aspp + table.decoder)
    + library.einsum('c,cm->m', first, table.low_level)
  )
