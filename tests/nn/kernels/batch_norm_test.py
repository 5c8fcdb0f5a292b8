"""Batch norm equals Keras' layer, and can leave its statistics alone."""

import numpy as np
import pytest
import tensorflow as tf

from deeplab_nas.nn.kernels import batch_norm, phases


def images():
  x = np.random.default_rng(0).normal(1, 2, size=(3, 4, 5, 6))
  return tf.constant(x, tf.float32)


@pytest.mark.parametrize('affine', [True, False])
@pytest.mark.parametrize('phase', [phases.WEIGHT_STEP, phases.INFERENCE])
def test_equals_keras(affine, phase):
  keras = tf.keras.layers.BatchNormalization(
    momentum=batch_norm.MOMENTUM,
    epsilon=batch_norm.EPSILON,
    center=affine,
    scale=affine,
  )
  ours = batch_norm.BatchNorm(affine)
  x = images()
  for layer in (keras, ours):
    layer.build(x.shape)
  rng = np.random.default_rng(1)
  ours.set_weights([rng.uniform(0.5, 2, w.shape) for w in ours.weights])
  keras.set_weights(ours.get_weights())
  np.testing.assert_allclose(
    ours(x, phase), keras(x, training=phase.training), rtol=1e-4, atol=1e-5
  )
  for a, b in zip(ours.get_weights(), keras.get_weights()):
    np.testing.assert_allclose(a, b, rtol=1e-5)


def test_statistics_can_be_left_alone():
  layer = batch_norm.BatchNorm()
  layer(images(), phases.ARCH_STEP)
  np.testing.assert_array_equal(layer.moving_mean, 0)
  layer(images(), phases.WEIGHT_STEP)
  assert np.all(layer.moving_mean.numpy() != 0)


def test_one_pixel_is_no_division_by_zero():
  layer = batch_norm.BatchNorm()
  y = layer(tf.ones([1, 1, 1, 2]), phases.WEIGHT_STEP)
  assert np.isfinite(y).all()
  assert np.isfinite(layer.moving_variance).all()


@pytest.mark.parametrize('phase', [phases.WEIGHT_STEP, phases.INFERENCE])
def test_bfloat16_has_statistics_of_float32(phase):
  exact = batch_norm.BatchNorm(dtype='float32')
  mixed = batch_norm.BatchNorm(dtype='mixed_bfloat16')
  x = tf.cast(images(), tf.bfloat16)
  expected = exact(tf.cast(x, tf.float32), phase)
  actual = mixed(x, phase)
  assert actual.dtype == tf.bfloat16
  np.testing.assert_allclose(
    tf.cast(actual, tf.float32), expected, rtol=2**-8, atol=1e-6
  )
  for a, b in zip(mixed.weights, exact.weights):
    assert a.dtype == tf.float32
    np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)
