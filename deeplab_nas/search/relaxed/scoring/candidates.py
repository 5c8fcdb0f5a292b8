"""The losses of several architectures on one batch."""

from __future__ import annotations

import tensorflow as tf

from deeplab_nas.nn.kernels import replicas
from deeplab_nas.search.relaxed import strategy
from deeplab_nas.space import arch_weights


def at(
  weights: arch_weights.ArchWeights, index: int | tf.Tensor
) -> arch_weights.ArchWeights:
  """One of several: `op` [E, K] of [N, E, K], `transition` [L, S, 3]."""
  return arch_weights.ArchWeights(*(x[index] for x in weights))


def losses(
  step: strategy.ArchStep,
  weights: arch_weights.ArchWeights,
  count: tf.Tensor | None = None,
) -> tf.Tensor:
  """What each has to lose on the step's batch of half B.

  Args:
    step: Gives the batch and the loss.
    weights: `op` [N, E, K] and `transition` [N, L, S, 3], N known.
    count: int32 [], how many are asked for, the first ones; None for all. On
      several replicas all are computed: they cannot meet inside of a condition.

  Returns:
    float32 [N], this replica's shares, without a gradient; 0 of those that
    nobody asked for.
  """
  weights = arch_weights.ArchWeights(*map(tf.stop_gradient, weights))
  num = weights.op.shape[0]
  count = tf.constant(num) if count is None else count
  if replicas.count() > 1:
    found = [step.loss(step.val, at(weights, i)) for i in range(num)]
    return tf.where(tf.range(num) < count, tf.stack(found), 0.0)

  def measure(i: tf.Tensor, found: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    loss = step.loss(step.val, at(weights, i))
    return i + 1, found + loss_at(loss, i)

  def loss_at(loss: tf.Tensor, i: tf.Tensor) -> tf.Tensor:
    return tf.where(tf.range(num) == i, loss, 0.0)

  _, found = tf.while_loop(
    lambda i, _: i < count,
    measure,
    (tf.constant(0), tf.zeros([num])),
    parallel_iterations=1,  # of memory
  )
  return tf.stop_gradient(found)
