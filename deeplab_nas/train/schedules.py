"""The learning rate by step: polynomial decay after a slow start.

Reference:
  DeepLabv3, Sec. 4, https://arxiv.org/abs/1706.05587
"""

from __future__ import annotations

from typing import Any

import tensorflow as tf
from official.modeling.optimization import lr_schedule

from deeplab_nas import errors, wording
from deeplab_nas.config import config as config_lib


class SlowStart(tf.keras.optimizers.schedules.LearningRateSchedule):
  """One small learning rate first, then another schedule.

  Attributes:
    steps: How many steps are slow.
    learning_rate: Of these.
    after: The schedule that follows; it counts all steps, not only its own.
  """

  def __init__(
    self,
    steps: int,
    learning_rate: float,
    after: tf.keras.optimizers.schedules.LearningRateSchedule,
  ):
    super().__init__()
    self.steps = steps
    self.learning_rate = learning_rate
    self.after = after

  def __call__(self, step: tf.Tensor) -> tf.Tensor:
    return tf.where(
      tf.cast(step, tf.int64) < self.steps,
      tf.cast(self.learning_rate, tf.float32),
      self.after(step),
    )

  def get_config(self) -> dict[str, Any]:
    return {
      'steps': self.steps,
      'learning_rate': self.learning_rate,
      'after': self.after,
    }


def build(
  config: config_lib.TrainConfig, total_steps: int
) -> tf.keras.optimizers.schedules.LearningRateSchedule:
  """The schedule of DeepLab, with s steps of slow start and T in all:

    learning rate(t) = slow                                        for t < s
    learning rate(t) = end + (start - end) (1 - (t - s) / (T - s))^power  else

  Raises:
    UserError: If the slow start is no shorter than the training.
  """
  if config.slow_start_steps >= total_steps:
    raise errors.UserError(
      f'train.slow_start_steps is {config.slow_start_steps}, expected less than'
      f' the {wording.counted(total_steps, "step")} of the whole training.'
    )
  polynomial = lr_schedule.PolynomialDecayWithOffset(
    offset=config.slow_start_steps,
    initial_learning_rate=config.learning_rate,
    decay_steps=total_steps - config.slow_start_steps,
    end_learning_rate=config.end_learning_rate,
    power=config.power,
  )
  return SlowStart(
    config.slow_start_steps, config.slow_start_learning_rate, polynomial
  )
