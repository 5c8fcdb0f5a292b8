"""The baseline of REINFORCE: what a loss is compared with.

Reference:
  Williams, Simple statistical gradient-following algorithms for connectionist
  reinforcement learning, 1992
"""

from __future__ import annotations

import tensorflow as tf

from deeplab_nas.nn.kernels import replicas


class Baseline(tf.Module):
  """A moving average of the losses before; the first loss is its own.

  Attributes:
    decay: Share of the old average in the new.
  """

  def __init__(self, decay: float):
    super().__init__(name='baseline')
    self.decay = decay
    self.average, self.count = (
      tf.Variable(
        tf.zeros([], dtype),
        trainable=False,
        aggregation=tf.VariableAggregation.ONLY_FIRST_REPLICA,
      )
      for dtype in (tf.float32, tf.int64)
    )

  def excess(self, loss: tf.Tensor) -> tf.Tensor:
    """How much more a loss is than those before; 0 of the first one.

    Args:
      loss: float32 [], of all replicas.
    """
    return tf.where(self.count > 0, loss - self.average, 0.0)

  def add(self, share: tf.Tensor) -> None:
    """Takes in a loss, unless it is not finite.

    Args:
      share: float32 [], this replica's.
    """
    loss = replicas.total(share)
    is_finite = tf.math.is_finite(loss)
    new = self.decay * self.average + (1 - self.decay) * loss
    new = tf.where(self.count > 0, new, loss)
    self.average.assign(tf.where(is_finite, new, self.average))
    self.count.assign_add(tf.cast(is_finite, tf.int64))
