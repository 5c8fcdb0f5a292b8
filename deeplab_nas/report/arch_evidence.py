"""Did alpha and beta learn anything? A search against its noise, in NumPy.

Compares where the logits went with where random walks went that had the same
optimizer and gradients of the same size, but of random signs:

- **Drift**: how far all logits of a kind moved, in standard deviations of the
  walks above their mean. Logits that the loss cannot see do not count.
- **Halves**: the correlation of the gradients of disjoint halves of split B.
- **Decisions**: each connection of the cell and each layer of the path has a
  margin, by which decoding prefers it. A walk has margins as well. Those of the
  run that the walks' hardly reach are decided: of the decisions that are called
  so, at most one in twenty is expected to be chance (Benjamini and Hochberg).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np

from deeplab_nas.report import decisions
from deeplab_nas.space import decode, search_space
from deeplab_nas.space.decoding import margins, path_logits, visibility

# Standard deviations above the walks that count as signal: one walk in 700.
SIGNAL = 3.0
# Logits cannot be told apart by less.
_SMALLEST = 1e-12


class Readings(NamedTuple):
  """What random walks beside a search observed; R of them.

  Attributes:
    num_steps: Steps of the optimizer.
    start: Arrays by name: 'alpha' [E, K], 'beta' [L, S, 3] and, with partial
      channels, 'gamma' [E].
    now: Likewise, where the search is.
    walks: Likewise, [R, ...].
    products: By name [1 + R]: scalar products of the gradients of two halves
      of split B, the search's first.
    squares: By name [2, 1 + R]: their squared norms.
    to_logits: Gives the logits of a softmax whose probabilities are those that
      decoding reads, of an array like 'alpha' or 'beta'.
  """

  num_steps: int
  start: Mapping[str, np.ndarray]
  now: Mapping[str, np.ndarray]
  walks: Mapping[str, np.ndarray]
  products: Mapping[str, np.ndarray]
  squares: Mapping[str, np.ndarray]
  to_logits: Callable[[np.ndarray], np.ndarray] = np.asarray


@dataclasses.dataclass(frozen=True)
class Against:
  """A number of the search, and what the walks have for it.

  Attributes:
    value: The search's.
    mean: The walks' mean.
    stddev: The walks' standard deviation.
  """

  value: float
  mean: float
  stddev: float

  @property
  def signal(self) -> float:
    """Standard deviations above the walks' mean."""
    return (self.value - self.mean) / max(
      self.stddev, 1e-3 * abs(self.mean), _SMALLEST
    )

  @classmethod
  def of(cls, value: np.ndarray, walks: np.ndarray) -> Against:
    """From a number [] and the walks' [R]."""
    return cls(float(value), float(walks.mean()), float(walks.std(ddof=1)))


@dataclasses.dataclass(frozen=True)
class Evidence:
  """What a search has shown so far.

  Attributes:
    num_steps: Steps on the architecture.
    num_walks: Random walks beside them.
    drifts: By name of the logits, root mean square of the way from the start;
      kinds of which the loss sees none are left out.
    halves: By the same names, correlation of the gradients of halves of split
      B; empty before both halves have a batch.
    connections: bool [B, 2], whether each connection of the decoded cell is
      decided, blocks in the supernet's order, the stronger one first.
    layers: bool [L], whether the level of each layer is.
    open_connections: bool [B, 2], whether the space leaves a choice.
    open_layers: bool [L], likewise.
  """

  num_steps: int
  num_walks: int
  drifts: Mapping[str, Against]
  halves: Mapping[str, Against]
  connections: np.ndarray
  layers: np.ndarray
  open_connections: np.ndarray
  open_layers: np.ndarray

  @property
  def learnt(self) -> tuple[str, ...]:
    """The kinds of logits that moved farther than noise moves them."""
    return tuple(
      name for name, drift in self.drifts.items() if drift.signal >= SIGNAL
    )

  @property
  def decided(self) -> tuple[int, int]:
    """How many choices are decided, and how many there are."""
    return (
      int(self.connections.sum()) + int(self.layers.sum()),
      int(self.open_connections.sum()) + int(self.open_layers.sum()),
    )

  @property
  def is_undetermined(self) -> bool:
    """Whether another search could as well have found anything else."""
    count, total = self.decided
    return total > 0 and not (self.learnt and count)

  def numbers(self) -> dict[str, float]:
    """Every scalar by its name."""
    result = {}
    for name, drift in self.drifts.items():
      result[f'{name}_drift'] = drift.value
      result[f'{name}_drift_of_noise'] = drift.mean
      result[f'{name}_signal'] = drift.signal
    for name, agreement in self.halves.items():
      result[f'{name}_halves_agree'] = agreement.value
      result[f'{name}_halves_signal'] = agreement.signal
    result['connections_decided'] = _share(
      self.connections, self.open_connections
    )
    result['layers_decided'] = _share(self.layers, self.open_layers)
    return result


def weigh(
  readings: Readings, space: search_space.SearchSpace, score: str
) -> Evidence:
  """What the readings show.

  Args:
    readings: Of a search in this space.
    space: The search space.
    score: Of paths, one of `decode.SCORES`.
  """
  read = _local(_as_logits(readings), space)
  readings, score = _local(readings, space), decode.score_of_paths(space, score)
  drifts, halves = {}, {}
  for name, start in readings.start.items():
    if not _seen(name, space).any():
      continue
    drifts[name] = Against.of(
      *(
        _distance(name, logits[name] - start, space)
        for logits in (readings.now, readings.walks)
      )
    )
    agreement = _agreement(readings.products[name], readings.squares[name])
    if agreement is not None:
      halves[name] = agreement
  kinds = [
    (measured(read.now), measured(read.walks))
    for measured in (
      lambda logits: margins.of_cell(_op_logs(logits, space), space.cell),
      lambda logits: margins.of_path(
        _transition_logs(logits, space, score), space.lattice
      ),
    )
  ]
  return Evidence(
    readings.num_steps,
    len(readings.walks['alpha']),
    drifts,
    halves,
    *decisions.discoveries(kinds),
    *(np.isfinite(own) for own, _ in kinds),
  )


def _as_logits(readings: Readings) -> Readings:
  """With alpha and beta as the logits of what decoding reads."""
  now, walks = (
    {
      name: x if name == 'gamma' else readings.to_logits(x)
      for name, x in logits.items()
    }
    for logits in (readings.now, readings.walks)
  )
  return readings._replace(now=now, walks=walks)


def _local(readings: Readings, space: search_space.SearchSpace) -> Readings:
  """With beta as logits of the moves out of each node, whatever paths are."""
  if not space.has_global_paths:
    return readings

  def converted(logits: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    beta = path_logits.move_logits(logits['beta'], space.lattice)
    return {**logits, 'beta': beta}

  return readings._replace(
    start=converted(readings.start),
    now=converted(readings.now),
    walks=converted(readings.walks),
  )


def _seen(name: str, space: search_space.SearchSpace) -> np.ndarray:
  """Which logits the loss can see; the last axis is that of a softmax."""
  if name == 'beta':
    return visibility.seen_beta(space.lattice, space.paths)
  if name == 'gamma':
    return _by_block(np.ones(len(space.cell.edges)), space) > 0
  return visibility.seen_alpha(space.cell)


def _by_block(values: np.ndarray, space: search_space.SearchSpace):
  """[..., B, S] from [..., E]: a row for each block, filled up with zeros."""
  cell = space.cell
  rows = np.zeros([*values.shape[:-1], cell.num_blocks, cell.num_sources])
  for i, (source, block) in enumerate(cell.edges):
    rows[..., block, source] = values[..., i]
  return rows


def _distance(
  name: str, way: np.ndarray, space: search_space.SearchSpace
) -> np.ndarray:
  """Root mean square of ways, [...], without what a softmax undoes."""
  seen = _seen(name, space)
  way = _by_block(way, space) if name == 'gamma' else way
  way = np.where(seen, way, 0)
  counts = np.maximum(seen.sum(-1, keepdims=True), 1)
  way = np.where(seen, way - way.sum(-1, keepdims=True) / counts, 0)
  axes = tuple(range(-seen.ndim, 0))
  return np.sqrt((way**2).sum(axes) / seen.sum())


def _agreement(products: np.ndarray, squares: np.ndarray) -> Against | None:
  """Correlation of halves; None where one is empty."""
  if (squares <= 0).any():
    return None
  correlations = products / np.sqrt(squares[0] * squares[1])  # [1 + R]
  return Against.of(correlations[0], correlations[1:])


def _op_logs(
  logits: Mapping[str, np.ndarray], space: search_space.SearchSpace
) -> np.ndarray:
  """Log weights of the connections, [..., E, K]."""
  logs = _log_softmax(logits['alpha'])
  if 'gamma' not in logits:
    return logs
  seen = _seen('gamma', space)
  rows = np.where(seen, _by_block(logits['gamma'], space), -np.inf)
  rows = _log_softmax(rows)
  blocks, sources = zip(*((block, s) for s, block in space.cell.edges))
  return logs + rows[..., blocks, sources][..., np.newaxis]


def _transition_logs(
  logits: Mapping[str, np.ndarray],
  space: search_space.SearchSpace,
  score: str,
) -> np.ndarray:
  """What transitions add to the score of a path, [..., L, S, 3]."""
  legal = space.lattice.legal
  masked = np.where(legal, logits['beta'], -np.inf)
  masked = np.where(legal.any(-1, keepdims=True), masked, 0)
  logs = _log_softmax(masked)
  if score == decode.RATIO:
    logs += np.log(np.maximum(legal.sum(-1, keepdims=True), 1))
  return logs


def _log_softmax(logits: np.ndarray) -> np.ndarray:
  """Over the last axis, -inf where a logit is."""
  shifted = logits - logits.max(-1, keepdims=True)
  return shifted - np.log(np.exp(shifted).sum(-1, keepdims=True))


def _share(decided: np.ndarray, is_open: np.ndarray) -> float:
  """Of the choices; 1 where there are none."""
  return float(decided[is_open].mean()) if is_open.any() else 1.0
