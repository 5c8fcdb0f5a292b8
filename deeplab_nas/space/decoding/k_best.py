"""The k best paths and the k best cells, by dynamic programming."""

from __future__ import annotations

import heapq
import itertools
import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from deeplab_nas.space import cell_space
from deeplab_nas.space import lattice as lattice_lib
from deeplab_nas.space.decoding import blocks


class Ranked(NamedTuple):
  """Something with a score.

  Attributes:
    zeros: Minus the number of weights of 0, which decides first.
    log: Sum of the logs of the others.
    item: What has it.
  """

  zeros: int
  log: float
  item: Any

  @property
  def key(self) -> tuple[int, float]:
    return self.zeros, self.log

  @property
  def score(self) -> float:
    """-inf where a weight is 0."""
    return -math.inf if self.zeros else self.log


def cells(logs: np.ndarray, cell: cell_space.CellSpace, k: int) -> list[Ranked]:
  """The k best cells, the best first.

  Args:
    logs: [E, K], log weights of the connections.
    cell: The cell space whose axes they have.
    k: How many.
  """
  best = [Ranked(0, 0.0, ())]
  for options in blocks.block_options(cell):
    terms = logs[options.edges, options.primitives]  # [O, 2]
    is_zero = np.isneginf(terms)
    zeros = -is_zero.sum(-1)
    log = np.where(is_zero, 0, terms).sum(-1)
    order = np.lexsort((-log, -zeros))[:k]
    ranked = [
      Ranked(int(zeros[i]), float(log[i]), (options.block(i, terms[i]),))
      for i in order
    ]
    best = sums(best, ranked, k, join=lambda a, b: a + b)
  return best


def paths(
  logs: np.ndarray, lattice: lattice_lib.Lattice, k: int
) -> list[Ranked]:
  """The k best paths, the best first; of equal ones the finer, from the end.

  Args:
    logs: [L, S, 3], log weights of the transitions.
    lattice: The lattice whose axes they have.
    k: How many.
  """

  def extended(edge: lattice_lib.LatticeEdge) -> list[Ranked]:
    log, level = float(logs[edge.index]), (edge.target.level,)
    is_zero = log == -math.inf
    return [
      Ranked(
        way.zeros - is_zero, way.log + (0 if is_zero else log), way.item + level
      )
      for way in best[edge.source]
    ]

  # For each node, its k best ways. `nlargest` keeps the order of equal ones.
  best = {lattice_lib.STEM: [Ranked(0, 0.0, ())]}
  for node in lattice.nodes:
    ways = itertools.chain(*map(extended, lattice.edges_into(node)))
    best[node] = heapq.nlargest(k, ways, key=lambda way: way.key)
  ends = [best[n] for n in lattice.nodes if n.layer == lattice.num_layers]
  return heapq.nlargest(k, itertools.chain(*ends), key=lambda way: way.key)


def sums(
  first: Sequence[Ranked],
  second: Sequence[Ranked],
  k: int,
  join: Callable[[Any, Any], Any] = lambda a, b: (a, b),
) -> list[Ranked]:
  """The k best pairs of two lists, each the best first: a lazy merge."""

  def pair(i: int, j: int) -> tuple:
    a, b = first[i], second[j]
    return -(a.zeros + b.zeros), -(a.log + b.log), i, j

  found, heap, seen = [], [pair(0, 0)], {(0, 0)}
  while heap and len(found) < k:
    zeros, log, i, j = heapq.heappop(heap)
    item = join(first[i].item, second[j].item)
    found.append(Ranked(-zeros, -log, item))
    for after in ((i + 1, j), (i, j + 1)):
      in_range = after[0] < len(first) and after[1] < len(second)
      if in_range and after not in seen:
        seen.add(after)
        heapq.heappush(heap, pair(*after))
  return found
