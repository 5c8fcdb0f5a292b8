"""What `perturbation` decides: tables of what each candidate would remove.

Entries are those of `op` and then of `transition`, V = E K + 3 L S.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from deeplab_nas.space import lattice as lattice_lib
from deeplab_nas.space import search_space

_MOVES = len(lattice_lib.MOVES)


class Decision(NamedTuple):
  """One choice.

  Attributes:
    candidates: For each, the entries that would be removed.
    num_kept: How many of the candidates stay.
    also: Entries that go with the decision, whatever it is.
  """

  candidates: Sequence[Sequence[int]]
  num_kept: int
  also: Sequence[int] = ()


class Removals:
  """All decisions about a space, in three groups.

  The primitive of each edge, of which one stays and `none` never does; the
  sources of each block, of which two stay; the moves out of each node, which
  all stay: what they cost to remove tells how good a path is.

  Attributes:
    groups: Numbers of the decisions of each group.
    removed: float32 [D, C, V], 1 where a candidate would remove an entry.
    exists: bool [D, C], which candidates there are.
    num_kept: int32 [D].
    also: float32 [D, V], 1 where an entry goes with the decision.
  """

  def __init__(self, space: search_space.SearchSpace):
    self._shapes = (
      (len(space.cell.edges), len(space.cell.primitives)),
      space.lattice.legal.shape,
    )
    groups = [list(_primitives(space)), list(_sources(space))]
    moves = list(self._moves(space.lattice))
    groups.append([decision for _, decision in moves])
    ends = np.cumsum([len(group) for group in groups])
    self.groups = np.split(np.arange(ends[-1]), ends[:-1])
    decisions = [decision for group in groups for decision in group]
    self._fill(decisions)
    # (decision, candidate) -> place in [L, S, 3]
    self._costs = np.array(
      [[d, c] for d in self.groups[2] for c in range(len(decisions[d][0]))]
    ).reshape(-1, 2)
    self._places = np.array(
      [place for places, _ in moves for place in places]
    ).reshape(-1, 3)

  def _fill(self, decisions: Sequence[Decision]) -> None:
    num = max(len(decision.candidates) for decision in decisions)
    num_entries = sum(map(np.prod, self._shapes))
    self.removed = np.zeros([len(decisions), num, num_entries], np.float32)
    self.exists = np.zeros([len(decisions), num], bool)
    self.also = np.zeros([len(decisions), num_entries], np.float32)
    self.num_kept = np.array([d.num_kept for d in decisions], np.int32)
    for number, decision in enumerate(decisions):
      self.also[number, list(decision.also)] = 1
      for candidate, entries in enumerate(decision.candidates):
        self.exists[number, candidate] = True
        self.removed[number, candidate, list(entries)] = 1

  def _moves(
    self, grid: lattice_lib.Lattice
  ) -> Iterator[tuple[np.ndarray, Decision]]:
    """The places of the moves out of each node that has several."""
    first = np.prod(self._shapes[0])
    entries = first + np.arange(grid.legal.size).reshape(grid.legal.shape)
    for layer, level in np.argwhere(grid.legal.sum(-1) > 1):
      moves = np.flatnonzero(grid.legal[layer, level])
      places = np.array([(layer, level, move) for move in moves])
      candidates = [[entries[layer, level, move]] for move in moves]
      yield places, Decision(candidates, len(moves))

  def order(self, seed: int) -> np.ndarray:
    """Each group in a random order, int32 [D]."""
    rng = np.random.default_rng(seed)
    return np.concatenate([rng.permutation(g) for g in self.groups]).astype(
      np.int32
    )

  def everything(self, space: search_space.SearchSpace) -> np.ndarray:
    """All entries that there are, float32 [V]."""
    op = np.ones(self._shapes[0], np.float32)
    return np.concatenate([op.ravel(), space.lattice.legal.ravel()]).astype(
      np.float32
    )

  def parts(self, entries: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """[..., E, K] and [..., L, S, 3] of [..., V]."""
    sizes = [int(np.prod(shape)) for shape in self._shapes]
    return tuple(
      tf.reshape(part, [*entries.shape[:-1], *shape])
      for part, shape in zip(tf.split(entries, sizes, -1), self._shapes)
    )

  def of_moves(self, costs: tf.Tensor) -> tf.Tensor:
    """The costs of moves [L, S, 3] among those of all decisions [D, C]."""
    if not len(self._costs):
      return tf.zeros(self._shapes[1])
    values = tf.gather_nd(costs, self._costs)
    return tf.scatter_nd(self._places, values, self._shapes[1])


def _primitives(space: search_space.SearchSpace) -> Iterator[Decision]:
  names = space.cell.primitives
  for edge in range(len(space.cell.edges)):
    entries = [edge * len(names) + k for k in range(len(names))]
    yield Decision(
      [[v] for v, name in zip(entries, names) if not name.is_none],
      1,
      [v for v, name in zip(entries, names) if name.is_none],
    )


def _sources(space: search_space.SearchSpace) -> Iterator[Decision]:
  cell, num = space.cell, len(space.cell.primitives)
  for block in range(cell.num_blocks):
    rows = [cell.edge_index(source, block) for source in cell.sources(block)]
    if len(rows) > 2:
      yield Decision([range(row * num, (row + 1) * num) for row in rows], 2)


def best_paths(
  gains: tf.Tensor, grid: lattice_lib.Lattice, num: int
) -> tuple[tf.Tensor, tf.Tensor]:
  """The paths with the largest sums of what their transitions gain.

  Args:
    gains: float32 [L, S, 3].
    grid: The lattice.
    num: N.

  Returns:
    float32 [N, L, S, 3], 1 on a path, the best path first; and bool [N], which
    of them exist.
  """
  impossible = tf.fill([num], -float('inf'))
  scores = [impossible] * grid.num_levels
  scores[0] = tf.concat([[0.0], impossible[1:]], 0)
  ways = [tf.zeros([num, 0], tf.int32)] * grid.num_levels  # places, by layer
  for layer in range(grid.num_layers):
    arrived = [
      _into(layer, level, scores, ways, gains, grid.legal)
      for level in range(grid.num_levels)
    ]
    scores, ways = zip(*(_largest(*pair, num) for pair in arrived))
  score, way = _largest(tf.concat(scores, 0), tf.concat(ways, 0), num)
  transition = tf.reduce_sum(tf.one_hot(way, grid.legal.size), 1)
  return tf.reshape(transition, [num, *grid.legal.shape]), score > -float('inf')


def _into(layer, level, scores, ways, gains, legal):
  """Scores and ways of all that may come to a level; impossible ones too."""
  found_scores, found_ways = [], []
  for move in lattice_lib.MOVES:
    source = level - (move - 1)
    if not 0 <= source < len(scores):
      continue
    here = legal[layer, source, move]
    gain = gains[layer, source, move] if here else -float('inf')
    place = np.ravel_multi_index((layer, source, move), legal.shape)
    found_scores.append(scores[source] + gain)
    found_ways.append(
      tf.pad(ways[source], [[0, 0], [0, 1]], constant_values=int(place))
    )
  return tf.concat(found_scores, 0), tf.concat(found_ways, 0)


def _largest(scores, ways, num):
  values, indices = tf.math.top_k(scores, num)
  return values, tf.gather(ways, indices)
