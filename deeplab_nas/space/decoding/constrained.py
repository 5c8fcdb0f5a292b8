"""The best architectures within a budget, cell and path jointly, exactly.

Best first: a partial architecture, a whole path and the first blocks of a cell,
waits in a queue by an upper bound of the score that any completion within the
budget can have, so that what comes out complete is the best that is left. The
bound is that of Lagrange's relaxation: for prices p >= 0 of the costs,

  max score  <=  max (score - p * cost) + p * budget

where the right side falls apart into one maximum for each block; the smallest
over some prices is taken. Completions whose least cost is beyond the budget are
dropped.
"""

from __future__ import annotations

import dataclasses
import heapq
import itertools
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from deeplab_nas.space import cell_space, search_space, widest
from deeplab_nas.space import genotype as genotype_lib
from deeplab_nas.space.decoding import blocks as blocks_lib
from deeplab_nas.space.decoding import limits as limits_lib
from deeplab_nas.space.decoding import path_front

# Prices, in the spread of the scores by the size of the costs.
_PRICES = 2.0 ** np.arange(-8, 9)
_CHUNK = 64


class _Children(NamedTuple):
  """What follows a partial architecture, the best first.

  Attributes:
    path: Index of the path.
    chosen: The options of the blocks so far.
    options: int [C], those of the next block.
    bound: float64 [C], of the score of all completions.
    score: [C], of what is chosen.
    cost: [C, M], likewise.
  """

  path: int
  chosen: tuple[int, ...]
  options: np.ndarray
  bound: np.ndarray
  score: np.ndarray
  cost: np.ndarray


class Search:
  """Architectures of a space within limits, the best first.

  Attributes:
    paths: Those that the k best can have.
  """

  def __init__(
    self,
    path_logs: np.ndarray,
    cell_logs: np.ndarray,
    space: search_space.SearchSpace,
    limits: Sequence[limits_lib.Limits],
    k: int,
  ):
    """Finds the paths.

    Args:
      path_logs: [L, S, 3], what each transition adds to the score; -inf for a
        weight of 0.
      cell_logs: [E, K], what each connection adds.
      space: Cells and paths.
      limits: Costs and their limits, see `Limits.of`.
      k: How many architectures are wanted.
    """
    lattice = space.lattice
    # Any weight of 0 counts more than all others together.
    penalty = 1000.0 * (lattice.num_layers + 2 * space.cell.num_blocks)
    self._penalty = penalty
    path_logs = np.where(np.isneginf(path_logs), -penalty, path_logs)
    self._cell_logs = np.where(np.isneginf(cell_logs), -penalty, cell_logs)
    self._limits = limits[0]  # equal but for the tables
    self._most = self._limits.allowed
    self._blocks = blocks_lib.block_options(space.cell)
    self._reads_input = reads_input(space.cell)
    self.paths = path_front.search(path_logs, lattice, limits, k)
    self._prices = self._some_prices()  # [P, M]
    self._cached = {}

  def __iter__(self) -> Iterator[tuple[genotype_lib.Genotype, float]]:
    """(genotype, score), the best first; -inf for weights of 0."""
    counter = itertools.count()
    heap = []

    def push(children: _Children, index: int) -> None:
      if index < len(children.bound):
        bound = -children.bound[index]
        depth = -len(children.chosen)  # of equal ones what is nearly complete
        heapq.heappush(heap, (bound, depth, next(counter), children, index))

    push(self._roots(), 0)
    while heap:
      *_, children, index = heapq.heappop(heap)
      push(children, index + 1)
      if children.path < 0:
        path, chosen = int(children.options[index]), ()
      else:
        path = children.path
        chosen = children.chosen + (int(children.options[index]),)
      if len(chosen) == len(self._blocks):
        yield self._genotype(path, chosen), self._score(children, index)
      else:
        cost, score = children.cost[index], children.score[index]
        push(self._next(path, chosen, score, cost), 0)

  def _some_prices(self) -> np.ndarray:
    """[P, M]: none, of each measure alone, and of all together."""
    num_measures = len(self._limits.most)
    if not len(self.paths.score):
      return np.zeros([1, num_measures])
    is_zero = self._cell_logs <= -self._penalty
    logs = self._cell_logs[~is_zero]
    spreads = [max(np.ptp(logs) if logs.size else 0, 1e-12)]
    if is_zero.any():
      spreads.append(self._penalty)
    ops = np.where(np.isfinite(self.paths.ops), self.paths.ops, 0)
    size = np.maximum(ops.max((0, 1, 2)), 1e-12)  # [M]
    scales = [*np.eye(num_measures), np.ones(num_measures)]
    prices = [
      price * spread * scale / size
      for spread in spreads
      for scale in scales
      for price in _PRICES
    ]
    return np.unique([np.zeros(num_measures), *prices], axis=0)

  def _roots(self) -> _Children:
    """Every path with the bound of its best cell."""
    num = len(self.paths.score)
    bounds = [
      self._bounds(np.arange(start, min(start + _CHUNK, num)))
      for start in range(0, num, _CHUNK)
    ]
    bound = np.concatenate([np.zeros(0), *bounds])
    order = np.argsort(-bound, kind='stable')
    return _Children(
      -1,
      (),
      order,
      bound[order],
      self.paths.score[order],
      self.paths.base[order],
    )

  def _bounds(self, index: np.ndarray) -> np.ndarray:
    """Of the scores within the budget, for some paths."""
    blocks = self._block_bounds(self.paths.ops[index]).sum(1)  # [n, P]
    slack = (self._most - self.paths.base[index]) @ self._prices.T
    return self.paths.score[index] + (blocks + slack).min(-1)

  def _block_bounds(self, ops: np.ndarray) -> np.ndarray:
    """[n, B, P], max (score - price * cost) of each block of some paths."""
    costs = np.where(np.isfinite(ops), ops, 0) @ self._prices.T  # [n, 2, K, P]
    values = self._cell_logs[:, :, np.newaxis] - costs[:, self._reads_input]
    values = np.where(
      np.isfinite(ops).all(-1)[:, self._reads_input][..., np.newaxis],
      values,
      -np.inf,
    ).max(2)  # [n, E, P]
    found = []
    for options in self._blocks:
      edges = np.unique(options.edges)
      two = np.partition(values[:, edges], -2, axis=1)[:, -2:]
      found.append(two.sum(1))
    return np.stack(found, axis=1)

  def _rest(self, path: int) -> tuple[np.ndarray, np.ndarray]:
    """After each number of blocks: bounds [B + 1, P], least costs [B + 1, M].

    Of the blocks that are left.
    """
    if path not in self._cached:
      ops = self.paths.ops[path]
      bounds = self._block_bounds(ops[np.newaxis])[0]
      least = self._limits.least_blocks(ops)
      self._cached[path] = _suffix_sums(bounds), _suffix_sums(least)
    return self._cached[path]

  def _next(
    self, path: int, chosen: tuple[int, ...], score: float, cost: np.ndarray
  ) -> _Children:
    """The options of the next block that can stay within the budget."""
    bounds, least = (rest[len(chosen) + 1] for rest in self._rest(path))
    options = self._blocks[len(chosen)]
    scores = score + self._cell_logs[options.edges, options.primitives].sum(-1)
    kinds = self._reads_input[options.edges]
    ops = self.paths.ops[path][kinds, options.primitives]  # [O, 2, M]
    costs = cost + ops.sum(1)
    fits = np.flatnonzero((costs + least <= self._most).all(-1))
    scores, costs = scores[fits], costs[fits]
    slack = (self._most - costs) @ self._prices.T  # [O, P]
    bound = scores + (bounds + slack).min(-1)
    order = np.argsort(-bound, kind='stable')
    return _Children(
      path, chosen, fits[order], bound[order], scores[order], costs[order]
    )

  def _genotype(
    self, path: int, chosen: tuple[int, ...]
  ) -> genotype_lib.Genotype:
    cell = tuple(
      options.block(index, np.zeros(2))
      for options, index in zip(self._blocks, chosen)
    )
    return genotype_lib.Genotype(self.paths.levels[path].tolist(), cell)

  def _score(self, children: _Children, index: int) -> float:
    score = float(children.score[index])
    return -np.inf if score <= -self._penalty / 2 else score


def _suffix_sums(values: np.ndarray) -> np.ndarray:
  """[B + 1, ...] from [B, ...]; the last is 0."""
  sums = np.cumsum(values[::-1], axis=0)[::-1]
  return np.concatenate([sums, np.zeros_like(values[:1])])


def cheapest(
  space: search_space.SearchSpace, limits: Sequence[limits_lib.Limits]
) -> tuple[genotype_lib.Genotype, float]:
  """An architecture that costs the least, and what it costs.

  Args:
    space: Cells and paths.
    limits: Of one measure; what it may be does not matter.
  """
  boundless = [
    dataclasses.replace(each, most=np.full(1, np.inf)) for each in limits
  ]
  equal = np.zeros(space.lattice.legal.shape)
  paths = path_front.search(equal, space.lattice, boundless, 1)
  costs = (paths.base + limits[0].least_cell(paths.ops))[:, 0]
  index = int(np.argmin(costs))
  cell = []
  for options in blocks_lib.block_options(space.cell):
    kinds = reads_input(space.cell)[options.edges]
    ops = paths.ops[index][kinds, options.primitives]  # [O, 2, 1]
    cell.append(options.block(int(np.argmin(ops.sum((1, 2)))), np.zeros(2)))
  path = tuple(paths.levels[index].tolist())
  return genotype_lib.Genotype(path, tuple(cell)), float(costs[index])


def refusal(
  space: search_space.SearchSpace, limits: Sequence[limits_lib.Limits]
) -> str:
  """Why no architecture is within some limits, and which is the cheapest."""
  names, mosts = limits[0].names, limits[0].most
  least = [
    cheapest(space, [each.alone(i) for each in limits])
    for i in range(len(names))
  ]
  for name, most, (genotype, value) in zip(names, mosts, least):
    if value > limits_lib.allowed(name, most):
      blocks = '; '.join(str(genotype).splitlines()[-genotype.num_blocks :])
      return (
        f'no architecture has at most {_number(most)} {widest.WORDS[name]}: the'
        f' cheapest needs {_number(value)}, with the path'
        f' {list(genotype.path)} and the cell {blocks}'
      )
  limited = ', '.join(
    f'{_number(most)} {widest.WORDS[name]} (the cheapest needs'
    f' {_number(value)})'
    for name, most, (_, value) in zip(names, mosts, least)
  )
  return f'no architecture is within all limits at once: {limited}'


def _number(value: float) -> str:
  """With as many digits as it takes to be enough as a limit."""
  is_count = float(value).is_integer()
  return f'{value:,.0f}' if is_count else f'{value:,.10g}'


def reads_input(cell: cell_space.CellSpace) -> np.ndarray:
  """int [E], 1 for edges from an input of the cell."""
  return np.array([int(edge.source < 2) for edge in cell.edges])
