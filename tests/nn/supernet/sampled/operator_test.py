"""The function of a primitive is the primitive's operator."""

import numpy as np
import pytest
import tensorflow as tf

from deeplab_nas.nn.kernels import batch_norm, cases
from deeplab_nas.nn.supernet import operators
from deeplab_nas.nn.supernet.sampled import operator as sampled_operator
from deeplab_nas.space import primitives

SHAPE = 2, 5, 6, 4
KIND = sampled_operator.Kind(primitives.PRIMITIVES)


def draw(seed, shape=SHAPE):
  return tf.random.stateless_normal(shape, [seed, 3])


def normalize(x):
  ones = tf.ones([4])
  return batch_norm.normalize(x, None, None, ones, 0 * ones, True)[0]


@pytest.mark.parametrize('k', range(len(primitives.PRIMITIVES)))
def test_result_and_gradients_are_those_of_the_operator(k):
  operator = operators.build(primitives.PRIMITIVES[k], 4)
  shapes = operator.weight_shapes
  parts = [draw(i + 5, shape) for i, shape in enumerate(shapes)]
  flat = tf.concat([[9.0, 9.0], *(tf.reshape(p, [-1]) for p in parts)], 0)
  x, total, g, before = map(draw, range(4))
  with tf.GradientTape() as tape:
    tape.watch([x, *parts])
    expected = total + 2 * operator(x, parts, normalize)
  of_x, *of_parts = tape.gradient(
    expected, [x, *parts], g, unconnected_gradients='zero'
  )
  scale, at, none = tf.constant(2.0), tf.constant(2), tf.zeros([0, 0])

  @tf.function
  def forward():
    return cases.choose(
      tf.constant(k),
      sampled_operator.forward(KIND, True),
      [x, total, scale, flat, at, none, none, tf.constant(0)],
    )

  @tf.function
  def backward():
    return cases.choose(
      tf.constant(k),
      sampled_operator.backward(KIND),
      [x, g, before, scale, flat, at],
    )

  actual, mean, variance = forward()
  np.testing.assert_allclose(actual, expected, rtol=1e-4, atol=1e-5)
  assert mean.shape == variance.shape == [operator.num_norms, 4]
  gradient, of_flat = backward()
  np.testing.assert_allclose(gradient, before + of_x, rtol=1e-3, atol=1e-4)
  of_parts = np.concatenate([[], *(np.ravel(p) for p in of_parts)])
  np.testing.assert_allclose(of_flat, of_parts, rtol=1e-3, atol=1e-4)


def test_nothing_leaves_all_as_it_is():
  x, total = draw(0), draw(1)
  flat, none = tf.zeros([0]), tf.zeros([0, 0])
  zero = tf.constant(0)
  nothing = sampled_operator.forward(KIND, True)[KIND.nothing]
  found, *statistics = nothing(x, total, 1.0, flat, zero, none, none, zero)
  np.testing.assert_array_equal(found, total)
  assert all(s.shape == [0, 4] for s in statistics)
  nothing = sampled_operator.backward(KIND)[KIND.nothing]
  found, weights = nothing(x, x, total, 1.0, flat, zero)
  np.testing.assert_array_equal(found, total)
  assert weights.shape == [0]
