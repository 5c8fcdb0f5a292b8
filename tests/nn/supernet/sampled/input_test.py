"""An input of a node, and zeros in its place."""

import numpy as np
import pytest
import tensorflow as tf

from deeplab_nas.nn.kernels import batch_norm
from deeplab_nas.nn.supernet import resample
from deeplab_nas.nn.supernet.sampled import input as sampled_input

NONE = tf.zeros([0, 0])


SIZES = {1: (17, 9), 2: (5, 3)}


def kind(strides=2, training=True):
  return sampled_input.Kind(
    1 if strides == 1 else 3, strides, strides == 1, 'float32', 2, training
  )


@pytest.mark.parametrize('strides', [1, 2])
def test_it_is_resampled_and_normalised(strides):
  of, size, filters = kind(strides), SIZES[strides], tf.constant(4)
  sampled = resample.Resample(3, 4, strides)
  x = tf.random.stateless_normal([2, 9, 5, 3], [0, 1])
  kernel = tf.random.stateless_normal(sampled.kernel_shape, [0, 2])
  g = tf.random.stateless_normal([2, *size, 4], [0, 3])
  ones = tf.ones([4])
  with tf.GradientTape() as tape:
    tape.watch([x, kernel])
    y = sampled(x, kernel, size)
    expected, mean, _ = batch_norm.normalize(
      y, None, None, ones, 0 * ones, True
    )
  gradients = tape.gradient(expected, [x, kernel], g)
  size, flat = tf.constant(size), tf.reshape(kernel, [-1])
  assert of.num_weights(x, filters) == flat.shape[0]
  actual, used, _ = sampled_input.forward(of)[0](
    x, flat, size, filters, NONE, NONE
  )
  np.testing.assert_allclose(actual, expected, rtol=1e-5, atol=1e-5)
  np.testing.assert_allclose(tf.reshape(used, [-1]), mean, atol=1e-6)
  of_x, of_kernel = sampled_input.backward(of)[0](x, flat, size, filters, g)
  np.testing.assert_allclose(of_x, gradients[0], rtol=1e-3, atol=1e-4)
  np.testing.assert_allclose(
    of_kernel, tf.reshape(gradients[1], [-1]), rtol=1e-3, atol=1e-4
  )


def test_zeros_stay_zeros_in_training_and_not_in_inference():
  x, size = tf.ones([2, 3, 3, 7]), tf.constant([5, 3])
  zeros = sampled_input.forward(kind())[1]
  state, mean, variance = zeros(
    x, tf.zeros([0]), size, tf.constant(4), NONE, NONE
  )
  assert state.shape == [2, 5, 3, 4]
  for found in (state, mean, variance):
    np.testing.assert_array_equal(found, 0)
  zeros = sampled_input.forward(kind(training=False))[1]
  mean = tf.constant([[1.0, 2.0], [3.0, 4.0]])
  state, *_ = zeros(
    x, tf.zeros([0]), size, tf.constant(4), mean, tf.ones([2, 2])
  )
  expected = -np.arange(1, 5) / np.sqrt(1 + batch_norm.EPSILON)
  np.testing.assert_allclose(state[1, 4, 2], expected, rtol=1e-5)
