"""The paths that the best architectures within a budget can have.

Layer by layer, partial paths that end in the same two levels are compared. One
is dropped if k others have a score at least as high and cost no more, whatever
the cell: then each architecture that it could become has k that are no worse,
so the k best can be found without it. Nothing else is dropped but what cannot
come within the budget.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from deeplab_nas.space import lattice as lattice_lib
from deeplab_nas.space.decoding import limits as limits_lib

_State = tuple[int, int, bool]


class Paths(NamedTuple):
  """N partial or whole paths.

  Attributes:
    score: float64 [N].
    base: [N, M], their cost but that of the cell's operations.
    ops: [N, 2, K, M], the cost of one operation in all of their layers, by
      whether it reads an input of the cell (1) and by primitive.
    levels: int [N, L'], the levels of the layers so far.
  """

  score: np.ndarray
  base: np.ndarray
  ops: np.ndarray
  levels: np.ndarray

  def take(self, index: np.ndarray) -> Paths:
    return Paths(*(array[index] for array in self))


def search(
  logs: np.ndarray,
  lattice: lattice_lib.Lattice,
  limits: Sequence[limits_lib.Limits],
  k: int,
) -> Paths:
  """The paths among which those of the k best architectures are.

  Args:
    logs: [L, S, 3], finite: what each transition adds to the score.
    lattice: The paths.
    limits: The costs, see `Limits.of`.
    k: How many architectures are wanted.
  """
  found = [
    _search(
      logs,
      dataclasses.replace(lattice, strides=lattice.strides[: len(each.first)]),
      each,
      k,
    )
    for each in limits
  ]
  return Paths(*map(np.concatenate, zip(*found)))


def _search(
  logs: np.ndarray,
  lattice: lattice_lib.Lattice,
  limits: limits_lib.Limits,
  k: int,
) -> Paths:
  """Those of a lattice; where it has to be, of the paths that use all of it.

  A state is the levels of the last two layers, and whether the coarsest one was
  reached or need not be.
  """
  rest = _rest(lattice, limits)
  num_primitives, num_measures = limits.op_kinds.shape[3:]
  is_free = not limits.has_to_reach or lattice.num_levels == 1
  states = {
    (0, 0, is_free): Paths(
      np.zeros(1),
      limits.stem[np.newaxis].copy(),
      np.zeros([1, 2, num_primitives, num_measures]),
      np.zeros([1, 0], int),
    )
  }
  for layer in range(1, lattice.num_layers + 1):
    grown = {}
    for state, target, paths in _steps(states, lattice, layer):
      longer = _extended(paths, state, target, layer, logs, limits)
      done = state[2] or target == lattice.num_levels - 1
      grown.setdefault((state[1], target, done), []).append(longer)
    states = {}
    for state, pieces in grown.items():
      paths = Paths(*map(np.concatenate, zip(*pieces)))
      least = paths.base + limits.least_cell(paths.ops) + rest[layer][state[:2]]
      fits = (least <= limits.allowed).all(-1)
      paths = paths.take(fits)
      if len(paths.score):
        states[state] = _front(paths, k)
  states = {state: paths for state, paths in states.items() if state[2]}
  return _joined(states, lattice.num_layers, limits)


def _steps(
  states: dict[_State, Paths],
  lattice: lattice_lib.Lattice,
  layer: int,
) -> Iterator[tuple[_State, int, Paths]]:
  """(levels of the last two layers, level of the next, paths)."""
  for state, paths in states.items():
    for move in lattice_lib.MOVES:
      if lattice.legal[layer - 1, state[1], move]:
        yield state, state[1] + move - 1, paths


def _extended(
  paths: Paths,
  state: _State,
  target: int,
  layer: int,
  logs: np.ndarray,
  limits: limits_lib.Limits,
) -> Paths:
  """The paths with one layer more."""
  before, level, _ = state
  base = paths.base + limits.cell[layer - 1, before, level, target]
  if layer == 1:
    base = base + limits.first[target]
  if layer == len(limits.cell):
    base = base + limits.last[target]
  column = np.full([len(paths.score), 1], target)
  return Paths(
    paths.score + logs[layer - 1, level, target - level + 1],
    base,
    paths.ops + limits.op_kinds[level, target],
    np.concatenate([paths.levels, column], axis=1),
  )


def _rest(
  lattice: lattice_lib.Lattice, limits: limits_lib.Limits
) -> list[dict[tuple[int, int], np.ndarray]]:
  """For each layer and state, the least cost [M] of all layers after it.

  A lower bound: each layer may have another cell, each measure another path.
  """
  num_layers = lattice.num_layers
  cells = limits.least_cell(limits.op_kinds)  # [S, S, M]
  rest = [{} for _ in range(num_layers + 1)]
  levels = range(lattice.num_levels)
  zero = np.zeros_like(limits.most)
  for layer in range(num_layers, -1, -1):
    for state in ((a, b) for a in levels for b in levels):
      options = [
        limits.cell[layer, state[0], state[1], target]
        + cells[state[1], target]
        + (limits.last[target] if layer == num_layers - 1 else 0)
        + rest[layer + 1][state[1], target]
        for move in lattice_lib.MOVES
        if layer < num_layers and lattice.legal[layer, state[1], move]
        for target in [state[1] + move - 1]
      ]
      rest[layer][state] = np.min(options, axis=0) if options else zero
  return rest


def _front(paths: Paths, k: int) -> Paths:
  """Without those that k others are no worse than."""
  num = len(paths.score)
  costs = np.concatenate(
    [paths.base, paths.ops.reshape(num, -1)], axis=1
  )  # [N, C]
  costs = np.unique(costs, axis=1)
  order = np.lexsort((costs.sum(-1), -paths.score))
  kept, kept_costs = [], np.empty_like(costs)
  for index in order:
    # All kept ones have a score at least as high.
    better = (kept_costs[: len(kept)] <= costs[index]).all(-1)
    if better.sum() < k:
      kept_costs[len(kept)] = costs[index]
      kept.append(index)
  return paths.take(np.array(kept))


def _joined(
  states: dict[_State, Paths],
  num_layers: int,
  limits: limits_lib.Limits,
) -> Paths:
  """All whole paths; empty arrays if there are none."""
  if states:
    return Paths(*map(np.concatenate, zip(*states.values())))
  num_primitives, num_measures = limits.op_kinds.shape[3:]
  return Paths(
    np.zeros(0),
    np.zeros([0, num_measures]),
    np.zeros([0, 2, num_primitives, num_measures]),
    np.zeros([0, num_layers], int),
  )
