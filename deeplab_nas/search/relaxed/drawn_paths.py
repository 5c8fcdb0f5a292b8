"""Strategies whose steps compute one path, that learn by REINFORCE which.

A node that a path does not visit is 0, and all that reads it begins with a
ReLU, whose gradient is 0 there: by a move that was not taken the loss has no
gradient, whatever is behind it, and by one that was taken only that of a factor
which batch norm takes out again. So a step compares the losses of N paths with
the same operations,

  dL/dbeta ~ 1/N sum_i (L_i - b_i) dlog p(path i)/dbeta

with b_i the mean of the other losses. What is on the first path has its
gradient by the operations, which a subclass draws.

Reference:
  Williams, Simple statistical gradient-following algorithms for connectionist
  reinforcement learning, 1992
  Kool et al., Buy 4 REINFORCE samples, get a baseline for free!, 2019, for b
"""

from __future__ import annotations

import abc

import tensorflow as tf

from deeplab_nas.nn.kernels import replicas
from deeplab_nas.nn.supernet import path_flow
from deeplab_nas.search.relaxed import arch_params, by_logits, draws
from deeplab_nas.search.relaxed import strategy as strategy_lib
from deeplab_nas.search.relaxed.scoring import candidates
from deeplab_nas.space import arch_weights

# Random numbers of a step, of moves; those of operations come before.
_MOVES = 32


class DrawnPaths(by_logits.ByLogits, abc.ABC):
  """Adam on alpha and beta under the loss of one operation for each edge.

  A move is drawn for each node of the lattice by its probability, and those
  that the stem leads to are the path. The settings have `num_paths`, N.
  """

  ops_per_edge = 1

  @abc.abstractmethod
  def draw_operations(
    self, progress: strategy_lib.Progress, number: int
  ) -> tf.Tensor:
    """One-hot, float32 [E, K], with the gradient that alpha is to get."""

  def draw(
    self, progress: strategy_lib.Progress, number: int
  ) -> arch_weights.ArchWeights:
    return self.params.with_gamma(
      self.draw_operations(progress, number), self._path(progress, number, 0)
    )

  def _path(
    self, progress: strategy_lib.Progress, number: int, index: int
  ) -> tf.Tensor:
    """One of the paths of a draw, one-hot float32 [L, S, 3]."""
    grid = self.space.lattice
    logits = tf.stop_gradient(self.params.move_logits())
    key = draws.key(self.seed, progress, _MOVES + 2 * index + number)
    scores = logits + draws.gumbel(logits.shape, key)
    moves = draws.one_hot(scores, tf.constant(grid.legal))
    return path_flow.through_transitions(moves, grid)

  def gradients(
    self, step: strategy_lib.ArchStep
  ) -> tuple[tf.Tensor, list[tf.Tensor]]:
    variables = self.params.trainable_variables
    paths = tf.stack(
      [
        self._path(step.progress, by_logits.ARCH_DRAW, index)
        for index in range(self.settings.num_paths)
      ]
    )
    with tf.GradientTape(
      watch_accessed_variables=False, persistent=True
    ) as tape:
      tape.watch(variables)
      op = self.draw_operations(step.progress, by_logits.ARCH_DRAW)
      weights = self.params.with_gamma(op, paths[0])
      value = step.loss(step.val, weights)
      legal = tf.constant(self.space.lattice.legal)
      logs = arch_params.masked_log_softmax(self.params.move_logits(), legal)
      log_probs = tf.reduce_sum(paths * logs, [1, 2, 3])
    by_loss = tape.gradient(value, variables, unconnected_gradients='zero')
    by_path = tape.gradient(
      log_probs,
      variables,
      self._excess(step, weights, value, paths) / self.settings.num_paths,
      unconnected_gradients='zero',
    )
    totals = replicas.totals(by_loss)
    return value, [a + b for a, b in zip(totals, by_path)]

  def _excess(
    self,
    step: strategy_lib.ArchStep,
    weights: arch_weights.ArchWeights,
    value: tf.Tensor,
    paths: tf.Tensor,
  ) -> tf.Tensor:
    """How much more each path lost than the others in the mean, float32 [N]."""
    count = self.settings.num_paths - 1
    others = arch_weights.ArchWeights(tf.stack(count * [weights.op]), paths[1:])
    losses = candidates.losses(step._replace(loss=step.alone), others)
    losses = replicas.total(tf.concat([[value], losses], 0))
    return (losses - tf.reduce_mean(losses)) * (count + 1) / count
