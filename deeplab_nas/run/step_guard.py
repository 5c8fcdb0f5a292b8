"""A step whose loss or gradient is not finite changes nothing."""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf

from deeplab_nas.nn.kernels import replicas

# In the logs of a step: how many bad steps the run has had.
NAME = 'skipped_steps'


class StepGuard(tf.Module):
  """Checks every step, and counts those that are bad.

      before = guard.snapshot()
      ...  # loss and gradients
      is_finite = guard.checked(loss, gradients, before)
      gradients = zero_unless(is_finite, gradients)

  The optimizer takes a gradient of zero then, with which momentum, decay and
  averages go on.

  Attributes:
    num_bad: int64 variable [], bad steps of the whole run.
  """

  def __init__(self, kept: Sequence[tf.Variable] = ()):
    """Takes variables that the forward pass changes, such as moving means.

    Args:
      kept: Variables that get their earlier values back after a bad step. A
        run that stops at the first bad step needs none.
    """
    super().__init__(name='step_guard')
    # Not tracked: names in a checkpoint must not depend on it.
    self._kept = lambda: kept
    self.num_bad = tf.Variable(
      0,
      False,
      dtype=tf.int64,
      aggregation=tf.VariableAggregation.ONLY_FIRST_REPLICA,
    )

  def snapshot(self) -> list[tf.Tensor]:
    """The kept variables' values at the start of a step."""
    return [tf.identity(variable) for variable in self._kept()]

  def checked(
    self,
    loss: tf.Tensor,
    gradients: Sequence[tf.Tensor],
    before: Sequence[tf.Tensor],
    may_overflow: bool | tf.Tensor = False,
  ) -> tf.Tensor:
    """Whether all is finite, bool []; if not, what is kept is as before.

    Args:
      loss: float32 [].
      gradients: Of any shapes.
      before: What `snapshot` gave at the start of the step.
      may_overflow: bool []. Whether something else deals with gradients that
        are not finite, as a loss scale does.
    """
    is_finite = all_finite(loss, gradients, may_overflow)
    self.count(is_finite)
    for variable, value in zip(self._kept(), before):
      variable.assign(tf.where(is_finite, variable, value))
    return is_finite

  def count(self, is_finite: tf.Tensor) -> None:
    """Counts a step unless it is finite."""
    self.num_bad.assign_add(tf.cast(~is_finite, tf.int64))


def all_finite(
  loss: tf.Tensor,
  gradients: Sequence[tf.Tensor],
  may_overflow: bool | tf.Tensor = False,
) -> tf.Tensor:
  """Whether loss and gradients are neither NaN nor infinite, bool [].

  Args:
    loss: A replica's share.
    gradients: Sums over all replicas.
    may_overflow: bool []. Whether gradients do not count.
  """
  are_finite = tf.math.is_finite(tf.linalg.global_norm(gradients))
  return tf.math.is_finite(replicas.total(loss)) & (are_finite | may_overflow)


def zero_unless(
  is_finite: tf.Tensor, gradients: Sequence[tf.Tensor]
) -> list[tf.Tensor]:
  """The gradients, or zeros."""
  zero = tf.zeros([])
  return [tf.where(is_finite, x, tf.cast(zero, x.dtype)) for x in gradients]


def note(
  mean: tf.keras.metrics.Mean, loss: tf.Tensor, is_finite: tf.Tensor
) -> None:
  """Adds the loss of a step, of which replicas have shares, if it is finite."""
  # Each replica has a share of a step, which is to count once.
  count = replicas.count()
  mean.update_state(
    tf.where(is_finite, count * loss, 0.0),
    tf.cast(is_finite, tf.float32) / count,
  )
