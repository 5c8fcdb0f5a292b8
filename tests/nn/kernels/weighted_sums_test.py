"""Weighted sums against sums written out, and their gradients."""

import numpy as np
import tensorflow as tf

from deeplab_nas.nn.kernels import weighted_sums

WEIGHTS = np.array([[0.5, -1, 2], [3, 0, 0.25]], np.float32)


def parts(shape=(2, 3, 4, 5)):
  return [tf.random.stateless_normal(shape, [0, i]) for i in range(3)]


def test_each_row_of_weights_makes_a_sum():
  sums = weighted_sums.compute(parts(), tf.constant(WEIGHTS))
  assert len(sums) == len(WEIGHTS)
  for actual, row in zip(sums, WEIGHTS):
    expected = sum(w * part.numpy() for w, part in zip(row, parts()))
    np.testing.assert_allclose(actual, expected, rtol=1e-5, atol=1e-5)


def test_gradients_of_parts_and_weights():
  xs, weights = parts(), tf.constant(WEIGHTS)
  with tf.GradientTape() as tape:
    tape.watch([*xs, weights])
    first, second = weighted_sums.compute(xs, weights)
    objective = tf.reduce_sum(first) - 2 * tf.reduce_sum(second)
  *of_parts, of_weights = tape.gradient(objective, [*xs, weights])
  for gradient, (a, b) in zip(of_parts, WEIGHTS.T):
    np.testing.assert_allclose(gradient, np.full(xs[0].shape, a - 2 * b))
  totals = np.array([x.numpy().sum() for x in xs])
  np.testing.assert_allclose(of_weights, [totals, -2 * totals], rtol=1e-4)


def test_unknown_sizes_are_computed_at_run_time():
  @tf.function(input_signature=[tf.TensorSpec([None, None, None, 5])] * 3)
  def sums(*xs):
    return weighted_sums.compute(xs, tf.constant(WEIGHTS))

  np.testing.assert_allclose(
    sums(*parts()),
    weighted_sums.compute(parts(), tf.constant(WEIGHTS)),
    rtol=1e-6,
  )


def test_a_sum_has_the_dtype_of_its_parts():
  xs = [tf.cast(x, tf.bfloat16) for x in parts()]
  sums = weighted_sums.compute(xs, tf.constant(WEIGHTS))
  assert {x.dtype for x in sums} == {tf.bfloat16}
