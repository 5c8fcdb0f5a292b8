"""Steps and averages, by hand."""

import numpy as np
import pytest
import tensorflow as tf

from deeplab_nas.config import config as config_lib
from deeplab_nas.train import optimizers


def test_momentum_is_the_classic_one():
  variable = tf.Variable([1.0])
  optimizer = optimizers.build(
    config_lib.TrainConfig(momentum=0.5), 0.1, [variable]
  )
  optimizer.apply_gradients([(tf.constant([1.0]), variable)])
  optimizer.apply_gradients([(tf.constant([2.0]), variable)])
  # velocities: 0.1, then 0.5 * 0.1 + 0.2
  np.testing.assert_allclose(variable, [1 - 0.1 - 0.25], rtol=1e-6)


def test_adam_moves_by_its_rate_whatever_the_size_of_the_gradient():
  variables = [tf.Variable([1.0]), tf.Variable([1.0])]
  settings = config_lib.TrainConfig(optimizer='adam')
  optimizer = optimizers.build(settings, 0.1, variables)
  optimizer.apply_gradients(zip([[2.0], [-0.03]], variables))
  np.testing.assert_allclose(tf.concat(variables, 0), [0.9, 1.1], rtol=1e-4)


def test_the_gradient_is_clipped_as_a_whole():
  variables = [tf.Variable([0.0]), tf.Variable([0.0])]
  settings = config_lib.TrainConfig(gradient_clip=1.0, momentum=0.0)
  optimizer = optimizers.build(settings, 1.0, variables)
  optimizer.apply_gradients(zip([[3.0], [4.0]], variables))
  np.testing.assert_allclose(tf.concat(variables, 0), [-0.6, -0.8], rtol=1e-6)


@pytest.mark.parametrize('settings', [{'momentum': 0.0}, {'optimizer': 'adam'}])
def test_averages_start_at_the_weights_and_follow(settings):
  variable = tf.Variable([1.0])
  settings = config_lib.TrainConfig(ema_decay=0.75, **settings)
  optimizer = optimizers.build(settings, 0.4, [variable])
  weights = []
  for _ in range(2):
    optimizer.apply_gradients([(tf.constant([1.0]), variable)])
    weights.append(float(variable[0]))
  np.testing.assert_allclose(weights, [0.6, 0.2], rtol=1e-4)
  raw = np.array(variable)
  average = 0.75 * (0.75 * 1 + 0.25 * 0.6) + 0.25 * 0.2
  with optimizers.averaged(optimizer, [variable]):
    np.testing.assert_allclose(variable, [average], rtol=1e-4)
  np.testing.assert_array_equal(variable, raw)


def test_the_weights_come_back_after_an_error():
  variable = tf.Variable([1.0])
  optimizer = optimizers.build(
    config_lib.TrainConfig(ema_decay=0.5), 1.0, [variable]
  )
  optimizer.apply_gradients([(tf.constant([0.3]), variable)])
  raw = np.array(variable)
  with pytest.raises(KeyError), optimizers.averaged(optimizer, [variable]):
    assert np.any(raw != variable)
    raise KeyError
  np.testing.assert_array_equal(variable, raw)


def test_without_averages_nothing_changes():
  variable = tf.Variable([1.0])
  optimizer = optimizers.build(config_lib.TrainConfig(), 1.0, [variable])
  with optimizers.averaged(optimizer, [variable]):
    np.testing.assert_array_equal(variable, [1.0])


def test_only_float16_scales_the_loss():
  def is_scaled(precision):
    optimizer = optimizers.build(
      config_lib.TrainConfig(precision=precision), 1.0, [tf.Variable([1.0])]
    )
    return isinstance(optimizer, tf.keras.mixed_precision.LossScaleOptimizer)

  assert is_scaled('mixed_float16')
  assert not is_scaled('mixed_bfloat16')
  assert not is_scaled('float32')
