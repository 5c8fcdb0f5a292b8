"""From relaxed weights to architectures: the best, or the k best.

The score of an architecture is that of its path and that of its cell. A cell's
is the sum over blocks of the log weights of its two connections. A path's is

  product  sum of log p, the paper's: the product of the probabilities of its
           transitions.
  ratio    sum of log(p * n), where n is the number of legal moves out of the
           node: how much more probable each transition is than by chance.

Betas are normalised over the moves out of a node, of which there are two at the
finest and the coarsest stride and three elsewhere. So the product prefers those
strides by ln 1.5 a layer even where beta has learnt nothing; see
g3doc/strategies.md. Where a search has one distribution over whole paths, their
probability is the product, which prefers nothing, and it is the score.

Reference:
  Auto-DeepLab, Sec. 4.3, https://arxiv.org/abs/1901.02985
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping
from typing import NamedTuple

import numpy as np

from deeplab_nas.space import (
  arch_weights,
  cell_space,
  cost,
  genotype,
  search_space,
)
from deeplab_nas.space import lattice as lattice_lib
from deeplab_nas.space.decoding import constrained, k_best
from deeplab_nas.space.decoding import limits as limits_lib

RATIO, PRODUCT = 'ratio', 'product'
SCORES = (RATIO, PRODUCT)


class BudgetError(ValueError):
  """No architecture of the space is within the budget."""


class Candidate(NamedTuple):
  """An architecture and its score.

  Attributes:
    genotype: The architecture.
    score: Of path and cell; -inf where a weight is 0.
  """

  genotype: genotype.Genotype
  score: float


def decode(
  weights: arch_weights.ArchWeights,
  space: search_space.SearchSpace,
  score: str = RATIO,
  budget: Mapping[str, float] | None = None,
  cost_model: cost.CostModel | None = None,
) -> genotype.Genotype:
  """The architecture that relaxed weights stand for.

      decode(weights, space)
      decode(weights, space, budget={'macs': 5e9}, cost_model=model)

  Args:
    weights: Arrays `op` [E, K] and `transition` [L, S, 3].
    space: The search space whose axes they have.
    score: Of paths, one of `SCORES`.
    budget: The most that the architecture may cost, by keys of
      `widest.MEASURES`. None for no limit.
    cost_model: Counts the costs; needed with a budget. Its space has the cell
      and the lattice of `space`, its width is that of the networks.

  Returns:
    The one of the highest score; with a budget, of all within it.

  Raises:
    BudgetError: If no architecture is within the budget; the message says
      which is the cheapest.
    ValueError: If a value does not fit.
  """
  score = score_of_paths(space, score)
  best = genotype.Genotype(
    path=decode_path(weights.transition, space.lattice, score),
    cell=decode_cell(weights.op, space.cell),
  )
  if not budget or _is_within(best, space, budget, cost_model):
    return best
  found = k_best_genotypes(weights, space, 1, score, budget, cost_model)
  return found[0].genotype


def k_best_genotypes(
  weights: arch_weights.ArchWeights,
  space: search_space.SearchSpace,
  k: int,
  score: str = RATIO,
  budget: Mapping[str, float] | None = None,
  cost_model: cost.CostModel | None = None,
) -> list[Candidate]:
  """The k architectures of the highest scores, cell and path jointly.

  Args:
    weights: Arrays `op` [E, K] and `transition` [L, S, 3].
    space: The search space whose axes they have.
    k: How many; all, if there are fewer.
    score: Of paths, one of `SCORES`.
    budget: See `decode`.
    cost_model: See `decode`.

  Returns:
    Different architectures, the best first. Equal networks that decoding can
    reach in several ways count once, with their highest score.

  Raises:
    BudgetError: See `decode`.
    ValueError: Likewise.
  """
  _check_k(k)
  score = score_of_paths(space, score)
  path_logs = log_weights(weights.transition, space.lattice, score)
  cell_logs = _cell_logs(weights.op, space.cell)
  if budget:
    limits = limits_lib.Limits.of(budget, _checked(cost_model, space))
    search = constrained.Search(path_logs, cell_logs, space, limits, k)
    found = _distinct(itertools.starmap(Candidate, search), k)
    if not found:
      raise BudgetError(constrained.refusal(space, limits))
    return found
  count = k
  while True:
    ranked = k_best.sums(
      k_best.paths(path_logs, space.lattice, count),
      k_best.cells(cell_logs, space.cell, count),
      count,
    )
    found = _distinct(
      (Candidate(genotype.Genotype(*r.item), r.score) for r in ranked), k
    )
    if len(found) == k or len(ranked) < count:
      return found
    count *= 2  # some were equal networks


def score_of_paths(space: search_space.SearchSpace, score: str) -> str:
  """The score that counts in a space: with global paths the product."""
  return PRODUCT if space.has_global_paths else score


def _is_within(
  candidate: genotype.Genotype,
  space: search_space.SearchSpace,
  budget: Mapping[str, float],
  cost_model: cost.CostModel | None,
) -> bool:
  model = _checked(cost_model, space)
  return all(
    model.measure(candidate, name) <= limits_lib.allowed(name, most)
    for name, most in budget.items()
  )


def _checked(
  cost_model: cost.CostModel | None, space: search_space.SearchSpace
) -> cost.CostModel:
  if cost_model is None:
    raise ValueError('a budget needs a cost_model that counts')
  counted = cost_model.space
  if (counted.cell, counted.lattice) != (space.cell, space.lattice):
    raise ValueError('the cost_model is of another space than the weights')
  return cost_model


def _distinct(candidates: Iterable[Candidate], k: int) -> list[Candidate]:
  """The first k that differ."""
  found = {}
  for candidate in candidates:
    found.setdefault(candidate.genotype, candidate)
    if len(found) == k:
      break
  return list(found.values())


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


def k_best_cells(
  op_probs: np.ndarray, cell: cell_space.CellSpace, k: int
) -> list[tuple[genotype.Block, ...]]:
  """The k cells with the largest product of their connections' weights.

  Args:
    op_probs: [E, K], the weights of each edge's primitives.
    cell: The cell space whose axes they have.
    k: How many; all, if there are fewer.

  Returns:
    Cells, the best first. Each block reads two different sources, never by
    `none`. Two of them may be the same network with its blocks in another
    order.

  Raises:
    ValueError: If the weights have another shape, are negative or not finite.
  """
  _check_k(k)
  logs = _cell_logs(op_probs, cell)
  return [ranked.item for ranked in k_best.cells(logs, cell, k)]


def _cell_logs(op_probs: np.ndarray, cell: cell_space.CellSpace) -> np.ndarray:
  """log weights [E, K], -inf for 0."""
  shape = (len(cell.edges), len(cell.primitives))
  op_probs = arch_weights.checked_array(op_probs, shape, 'op_probs')
  _check_not_negative(op_probs, 'op_probs')
  with np.errstate(divide='ignore'):
    return np.log(op_probs)


def decode_path(
  edge_probs: np.ndarray, lattice: lattice_lib.Lattice, score: str = RATIO
) -> tuple[int, ...]:
  """The path of the highest score (Viterbi).

  Equal scores: the finer level in the last layer, then in the one before it,
  and so on. Where every path has a transition of weight 0: the fewest of them.

  Args:
    edge_probs: [L, S, 3], the weights of the moves that leave a node.
    lattice: The lattice whose axes they have.
    score: One of `SCORES`.

  Returns:
    The level of each layer 1 .. L.

  Raises:
    ValueError: If the weights have another shape, are negative or not finite,
      or there is no such score.
  """
  return k_best_paths(edge_probs, lattice, 1, score)[0]


def k_best_paths(
  edge_probs: np.ndarray,
  lattice: lattice_lib.Lattice,
  k: int,
  score: str = RATIO,
) -> list[tuple[int, ...]]:
  """The k paths of the highest scores, the best first; ties as `decode_path`.

  Args:
    edge_probs: [L, S, 3], the weights of the moves that leave a node.
    lattice: The lattice whose axes they have.
    k: How many; all, if there are fewer.
    score: One of `SCORES`.

  Raises:
    ValueError: See `decode_path`.
  """
  _check_k(k)
  logs = log_weights(edge_probs, lattice, score)
  return [way.item for way in k_best.paths(logs, lattice, k)]


def log_weights(
  edge_probs: np.ndarray, lattice: lattice_lib.Lattice, score: str = RATIO
) -> np.ndarray:
  """What each transition adds to a path's score.

  Returns:
    float64 [L, S, 3]; -inf where the weight is 0 or the move is illegal.

  Raises:
    ValueError: See `decode_path`.
  """
  if score not in SCORES:
    raise ValueError(f'no score {score!r}; expected {" or ".join(SCORES)}')
  shape = lattice.legal.shape
  edge_probs = arch_weights.checked_array(edge_probs, shape, 'edge_probs')
  _check_not_negative(edge_probs, 'edge_probs')
  with np.errstate(divide='ignore'):
    logs = np.log(np.where(lattice.legal, edge_probs, 0))
  if score == RATIO:
    exits = lattice.legal.sum(-1, keepdims=True)  # [L, S, 1]
    logs = logs + np.log(np.maximum(exits, 1))
  return logs


def _check_k(k: int) -> None:
  if k < 1:
    raise ValueError(f'k is {k}, expected at least 1')


def _check_not_negative(values: np.ndarray, name: str) -> None:
  if (values < 0).any():
    raise ValueError(f'{name} has the negative weight {values.min()}')
