"""DARTS-PT: an operation is worth what its removal costs, not its alpha.

All operations of an edge, and all moves out of a node, weigh the same while the
weights train. Then one decision follows the other, each by batches of half B
that all of its candidates see, and the weights train on in between:

1. each edge, in random order, keeps the operation whose removal costs most;
2. each block, in random order, keeps the two sources whose removal does;
3. for the moves out of each node, in random order, it is measured what their
   removal costs; the paths with the largest sums of these
4. are measured one by one, and the best one is taken.

Reference:
  Wang et al., Rethinking Architecture Selection in Differentiable NAS,
  Algorithm 1, in the variant whose alpha is fixed,
  https://arxiv.org/abs/2108.04392
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from deeplab_nas.config import config as config_lib
from deeplab_nas.config import relaxed_strategies
from deeplab_nas.nn.kernels import replicas
from deeplab_nas.run import step_guard
from deeplab_nas.search.relaxed import by_logits, draws
from deeplab_nas.search.relaxed import strategy as strategy_lib
from deeplab_nas.search.relaxed.scoring import candidates
from deeplab_nas.search.relaxed.scoring import removals as removals_lib
from deeplab_nas.space import (
  arch_weights,
  cell_space,
  decode,
  genotype,
  search_space,
)

# Steps by which a search is timed.
_FEW = 6


class _Due(NamedTuple):
  """What a step has to do.

  Attributes:
    number: int32 [], of the decision; any of them while paths are measured.
    is_path: bool [], whether all decisions are made.
    is_measured: bool [], whether the step's batch counts.
    is_last: bool [], whether the decision has to be made after it.
  """

  number: tf.Tensor
  is_path: tf.Tensor
  is_measured: tf.Tensor
  is_last: tf.Tensor


class Perturbation(tf.Module):
  """Decides by removal, in windows of equal length from `start` to the end.

  Where the first step on the architecture comes after `start`, they are from
  there on. Each decision has a window, and the paths one each. In the first
  part of a window the weights get used to the decision before; then batches are
  counted, and the decision is made after `num_batches` of them or with its
  window. A step makes one decision at most: `least_steps` are needed for all.

  While paths are measured, each weight step takes one of them, drawn evenly.

  Differs from the paper: removals are measured by the loss on half B, not by
  accuracy (the authors' code has both); what is left on an edge is normalised
  anew when an operation is removed; the lattice, which DARTS has not, is not
  narrowed node by node, as a path needs others to be compared with; the
  learning rate is the search's own between decisions.

  Attributes:
    order: int32 [D], in which decisions are made.
    left: float32 [V], 1 for the entries that have not been removed.
    removal_costs: float32 [D, C], of removals: loss without less loss with.
    sums: float32 [N], of the decision that is being made: its costs so far.
    num_seen: int32 [], batches in these.
    num_decided: int32 [].
    before: float32 [], fraction of the search at the last step; -1 at first.
    begin: float32 [], fraction at which the first window begins.
    least_steps: Steps of a search of which each decision gets one.
  """

  def __init__(
    self,
    space: search_space.SearchSpace,
    config: config_lib.SearchConfig,
    seed: int,
    settings: relaxed_strategies.PerturbationConfig,
  ):
    """Takes the settings in common and the strategy's own section."""
    super().__init__(name=config.strategy)
    self.space, self.seed, self.settings = space, seed, settings
    self._decode_score = config.decode
    self._removals = table = removals_lib.Removals(space)
    num, most = table.exists.shape
    self._num_paths = min(settings.num_paths, space.lattice.num_paths)
    self._num_candidates = max(most, self._num_paths)
    self._num_windows = num + self._num_paths
    self._first = config.arch_start_epoch / config.epochs
    self._decides = 1 - max(settings.start, self._first)
    self.least_steps = math.ceil(self._num_windows / self._decides)
    self.order = replicas.state('order', table.order(seed), tf.int32)
    self.left = replicas.state('left', table.everything(space))
    self.removal_costs = replicas.state('removal_costs', tf.zeros([num, most]))
    self.sums = replicas.state('sums', tf.zeros([self._num_candidates]))
    self.num_seen = replicas.state('num_seen', 0, tf.int32)
    self.num_decided = replicas.state('num_decided', 0, tf.int32)
    self.before = replicas.state('before', -1.0)
    self.begin = replicas.state('begin', settings.start)

  def sample(self, progress: strategy_lib.Progress) -> arch_weights.ArchWeights:
    weights = self._weights(self.left)
    paths, exists = self._paths()
    count = tf.reduce_sum(tf.cast(exists, tf.int32))
    key = draws.key(self.seed, progress, by_logits.WEIGHT_DRAW)
    drawn = tf.random.stateless_uniform([], key, 0, count, tf.int32)
    return weights._replace(
      transition=tf.where(self._is_path, paths[drawn], weights.transition)
    )

  def mode(self) -> arch_weights.ArchWeights:
    weights = self._weights(self.left)
    paths, exists = self._paths()
    losses = tf.where(exists, self.sums[: self._num_paths], float('inf'))
    best = paths[tf.argmin(losses)]
    return weights._replace(
      transition=tf.where(self._is_path, best, weights.transition)
    )

  def genotype(self) -> genotype.Genotype:
    weights = arch_weights.ArchWeights(*(x.numpy() for x in self.mode()))
    return decode.decode(weights, self.space, self._decode_score)

  def update(self, step: strategy_lib.ArchStep) -> tf.Tensor:
    is_first = self.before < 0
    begin = tf.maximum(self.begin, step.progress.fraction)
    self.begin.assign(tf.where(is_first, begin, self.begin))
    due = self._due(step.progress.fraction)
    weights, exists = self._candidates(due)
    count = tf.reduce_sum(tf.cast(exists & due.is_measured, tf.int32))
    share = candidates.losses(step, weights, 1 + count)
    value, *losses = tf.unstack(replicas.total(share))
    is_finite = step_guard.all_finite(share[0], [tf.stack(losses)])
    costs = tf.where(exists & due.is_measured, tf.stack(losses) - value, 0.0)
    self._count(due, costs, is_finite)
    self.before.assign(tf.where(is_finite, step.progress.fraction, self.before))
    return tf.where(is_finite, share[0], float('nan'))

  def mean_cost(self, num_steps: int) -> float:
    """Losses of a step, in the mean, by those of the first few.

    Args:
      num_steps: Of the weights, in the whole search.
    """
    settings, num_paths = self.settings, self._num_paths
    window = num_steps * self._decides / self._num_windows  # in steps
    measured = max((1 - settings.tuning) * window, 1)
    of_paths = (num_paths - 1) * window + measured
    removals = self._removals.exists
    more = min(measured, settings.num_batches) * np.sum(removals)
    more += of_paths * num_paths
    before = settings.start * num_steps + settings.tuning * window
    first = 1 + np.sum(removals[0]) if before < _FEW else 1
    return float(1 + more / (num_steps * (1 - self._first))) / first

  @property
  def _is_path(self) -> tf.Tensor:
    return self.num_decided >= self.order.shape[0]

  def _paths(self) -> tuple[tf.Tensor, tf.Tensor]:
    """float32 [N, L, S, 3] and which exist, bool [N]."""
    gains = self._removals.of_moves(tf.convert_to_tensor(self.removal_costs))
    return removals_lib.best_paths(gains, self.space.lattice, self._num_paths)

  def _weights(self, left: tf.Tensor) -> arch_weights.ArchWeights:
    """Even weights of what is left, [..., E, K] and [..., L, S, 3]."""
    op, transition = self._removals.parts(tf.convert_to_tensor(left))
    op, transition = (
      part / tf.maximum(tf.reduce_sum(part, -1, keepdims=True), 1.0)
      for part in (op, transition)
    )
    if self.space.partial_channels > 1:
      op = _of_blocks(op, self.space.cell)
    return arch_weights.ArchWeights(op, transition)

  def _due(self, fraction: tf.Tensor) -> _Due:
    """By the fraction of the search at the end of the step."""
    settings, num = self.settings, self.order.shape[0]
    length = tf.where(self.before < 0, 0.0, fraction - self.before)
    per_window = self._num_windows / (1 - self.begin)
    # In windows; a little more, for what float32 rounds off.
    place = (fraction + length - self.begin) * per_window + 1e-3
    decided = tf.cast(self.num_decided, tf.float32)
    is_last = place + length * per_window >= decided + 1
    return _Due(
      tf.gather(self.order, tf.minimum(self.num_decided, num - 1)),
      self._is_path,
      place >= decided + settings.tuning,
      (is_last | (self.num_seen + 1 >= settings.num_batches)) & ~self._is_path,
    )

  def _candidates(
    self, due: _Due
  ) -> tuple[arch_weights.ArchWeights, tf.Tensor]:
    """Weights as they are and then without each candidate, [1 + N, ...].

    Paths are each alone. The second is which candidates exist, bool [N]; those
    come first.
    """
    removed = tf.gather(self._removals.removed, due.number)  # [C, V]
    padding = self._num_candidates - removed.shape[0]
    removed = tf.pad(removed, [[1, padding], [0, 0]])
    op, transition = self._weights(self.left * (1 - removed))
    paths, are_paths = self._paths()
    padding = self._num_candidates - self._num_paths
    paths = tf.concat(
      [transition[:1], paths, tf.repeat(paths[:1], padding, 0)], 0
    )
    exists = tf.gather(self._removals.exists, due.number)
    exists, are_paths = (
      tf.pad(x, [[0, self._num_candidates - x.shape[0]]])
      for x in (exists, are_paths)
    )
    return (
      arch_weights.ArchWeights(
        tf.where(due.is_path, tf.repeat(op[:1], op.shape[0], 0), op),
        tf.where(due.is_path, paths, transition),
      ),
      tf.where(due.is_path, are_paths, exists),
    )

  def _count(self, due: _Due, costs: tf.Tensor, is_finite: tf.Tensor) -> None:
    """Takes in the costs of a batch, and decides if that is due."""
    table, most = self._removals, self._removals.exists.shape[1]
    is_counted = due.is_measured & is_finite
    is_made = is_counted & due.is_last
    sums = self.sums + tf.where(is_counted, costs, 0.0)
    seen = self.num_seen + tf.cast(is_counted, tf.int32)
    means = sums[:most] / tf.cast(tf.maximum(seen, 1), tf.float32)
    exists = tf.gather(table.exists, due.number)
    stays = kept(means, exists, tf.gather(table.num_kept, due.number))
    goes = tf.cast(exists & ~stays, tf.float32)
    removed = tf.gather(table.removed, due.number)
    removed = tf.reduce_max(goes[:, tf.newaxis] * removed, 0)
    removed = tf.maximum(removed, tf.gather(table.also, due.number))
    row = tf.one_hot(due.number, self.removal_costs.shape[0])[:, tf.newaxis]
    for variable, new in (
      (self.left, self.left * (1 - removed)),
      (
        self.removal_costs,
        tf.where(row > 0, tf.where(exists, means, 0.0), self.removal_costs),
      ),
    ):
      variable.assign(tf.where(is_made, new, variable))
    self.sums.assign(tf.where(is_made, 0.0, sums))
    self.num_seen.assign(tf.where(is_made, 0, seen))
    self.num_decided.assign_add(tf.cast(is_made, tf.int32))


def kept(costs: tf.Tensor, exists: tf.Tensor, num: tf.Tensor) -> tf.Tensor:
  """Which candidates stay: those whose removal costs most, bool [C].

  Args:
    costs: float32 [C].
    exists: bool [C].
    num: int32 [], how many stay. Of equal ones the first stay.
  """
  size = costs.shape[0]
  ranked = tf.math.top_k(tf.where(exists, costs, -float('inf')), size).indices
  chosen = tf.one_hot(ranked, size, True, False)  # [rank, C]
  is_kept = (tf.range(size) < num)[:, tf.newaxis]
  return tf.reduce_any(chosen & is_kept, 0) & exists


def _of_blocks(op: tf.Tensor, cell: cell_space.CellSpace) -> tf.Tensor:
  """Weights that sum to 1 for each block, as gamma's do; [..., E, K]."""
  sizes = [len(cell.sources(block)) for block in range(cell.num_blocks)]
  return tf.concat(
    [x / tf.reduce_sum(x, [-2, -1], True) for x in tf.split(op, sizes, -2)], -2
  )
