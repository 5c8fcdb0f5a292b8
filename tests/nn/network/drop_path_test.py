"""Whole images are zeroed, ever more of them, and the mean is kept."""

import numpy as np
import pytest
import tensorflow as tf

from deeplab_nas.nn.network import drop_path

IMAGES = 4000


def build(keep_prob, progress):
  return drop_path.ScheduledDropPath(keep_prob, tf.Variable(progress))


def kept_factors(layer, training=True):
  """What each of many images of ones is multiplied by: [IMAGES]."""
  y = layer(tf.ones([IMAGES, 2, 3, 2]), training=training).numpy()
  # All pixels and channels of an image fare alike.
  np.testing.assert_array_equal(y, y[:, :1, :1, :1] * np.ones([2, 3, 2]))
  return y[:, 0, 0, 0]


@pytest.mark.parametrize(
  'keep_prob, progress, expected',
  [(0.6, 1.0, 0.6), (0.6, 0.5, 0.8), (0.2, 0.25, 0.8), (0.5, 1.0, 0.5)],
)
def test_images_stay_with_the_scheduled_probability_and_keep_the_mean(
  keep_prob, progress, expected
):
  factors = kept_factors(build(keep_prob, progress))
  np.testing.assert_allclose(np.unique(factors), [0, 1 / expected], rtol=1e-6)
  deviation = np.sqrt(expected * (1 - expected) / IMAGES)
  assert abs(np.mean(factors > 0) - expected) < 5 * deviation
  assert abs(np.mean(factors) - 1) < 5 * deviation / expected


@pytest.mark.parametrize(
  'keep_prob, progress, training',
  [(0.6, 0.0, True), (0.5, 1.0, False), (1.0, 1.0, True)],
)
def test_nothing_drops_at_the_start_in_inference_or_if_all_stay(
  keep_prob, progress, training
):
  factors = kept_factors(build(keep_prob, progress), training)
  np.testing.assert_array_equal(factors, 1)


def test_a_traced_layer_follows_the_progress():
  layer = build(0.5, 0.0)
  traced = tf.function(lambda x: layer(x, training=True))
  ones = tf.ones([100, 1, 1, 1])
  np.testing.assert_array_equal(traced(ones), ones)
  layer.progress.assign(1.0)
  np.testing.assert_array_equal(np.unique(traced(ones)), [0, 2])


def test_what_drops_depends_on_step_call_and_seed_alone():
  def draw(progress=0.5, index=0, seed=0):
    tf.keras.utils.set_random_seed(seed)
    layer = build(0.5, progress)
    layer(tf.ones([3, 1, 1, 1]), training=True)  # leaves nothing behind
    return layer(tf.ones([100, 1, 1, 1]), training=True, index=index) > 0

  first = draw()
  np.testing.assert_array_equal(draw(), first)
  for other in (draw(progress=0.51), draw(index=1), draw(seed=1)):
    assert np.any(other != first)


def test_gradients_are_dropped_with_their_images():
  layer = build(0.5, 1.0)
  x = tf.Variable(tf.ones([100, 1, 1, 1]))
  with tf.GradientTape() as tape:
    y = layer(x, training=True)
  np.testing.assert_array_equal(tape.gradient(y, x), y)


def test_mixed_precision_draws_in_float32_and_keeps_bfloat16():
  tf.keras.mixed_precision.set_global_policy('mixed_bfloat16')
  try:
    layer = build(0.999, 1.0)
    y = layer(tf.ones([20_000, 1, 1, 1], tf.bfloat16), training=True)
  finally:
    tf.keras.mixed_precision.set_global_policy('float32')
  assert y.dtype == tf.bfloat16
  # In bfloat16, 0.999 would be 1 and nothing would drop.
  assert 0 < np.count_nonzero(y.numpy() == 0) < 50


def test_nothing_learns():
  layer = drop_path.ScheduledDropPath(
    0.5, tf.Variable(0.0, trainable=False, name='progress')
  )
  layer(tf.ones([1, 1, 1, 1]), training=True)
  assert not layer.trainable_variables


@pytest.mark.parametrize(
  'keep_prob, expected',
  [
    (0.6, [0.9, 0.8, 0.7, 0.6]),
    (0.2, [0.8, 0.6, 0.4, 0.2]),
    (1.0, [1.0, 1.0, 1.0, 1.0]),
    (0.7, [0.7]),
  ],
)
def test_cells_stay_the_less_the_deeper_they_are(keep_prob, expected):
  num_cells = len(expected)
  actual = [
    drop_path.cell_keep_prob(keep_prob, index, num_cells)
    for index in range(num_cells)
  ]
  np.testing.assert_allclose(actual, expected, rtol=1e-12)
