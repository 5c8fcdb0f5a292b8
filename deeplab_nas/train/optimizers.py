"""The optimizer of a training, and averages of the weights.

Keras' own average is used, and not that of tf-models-official: swapping twice
is to give the very same weights, and theirs swaps by adding and subtracting.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence

import tensorflow as tf

from deeplab_nas.config import config as config_lib


def build(
  config: config_lib.TrainConfig,
  learning_rate: tf.keras.optimizers.schedules.LearningRateSchedule | float,
  variables: Sequence[tf.Variable],
) -> tf.keras.optimizers.Optimizer:
  """The optimizer, with its variables; averages start at today's weights."""
  shared = {
    'learning_rate': learning_rate,
    'global_clipnorm': config.gradient_clip,
    'use_ema': config.ema_decay is not None,
    'ema_momentum': config.ema_decay or 0.0,
  }
  if config.optimizer == 'adam':
    optimizer = tf.keras.optimizers.Adam(**shared)
  else:
    optimizer = tf.keras.optimizers.SGD(momentum=config.momentum, **shared)
  if config.precision == 'mixed_float16':
    # float16 has no numbers for small gradients; bfloat16 has.
    optimizer = tf.keras.mixed_precision.LossScaleOptimizer(optimizer)
  optimizer.build(variables)
  return optimizer


@contextlib.contextmanager
def averaged(
  optimizer: tf.keras.optimizers.Optimizer, variables: Sequence[tf.Variable]
) -> Iterator[None]:
  """Gives the variables their averages, if there are any, for a while."""
  if not optimizer.use_ema:
    yield
    return
  raw = [tf.identity(variable) for variable in variables]
  optimizer.finalize_variable_values(variables)
  try:
    yield
  finally:
    for variable, value in zip(variables, raw):
      variable.assign(value)
