"""An image's numbers follow from seed, step and its place in the batch."""

import numpy as np
import tensorflow as tf

from deeplab_nas.nn.network import step_random


def test_numbers_are_those_of_the_step():
  draws = step_random.StepRandom(tf.Variable(0.25))
  images = tf.zeros([6, 2, 2, 3])
  first = draws.uniform(images, [2])
  assert first.shape == (6, 2) and len(np.unique(first)) == 12
  assert np.all((first >= 0) & (first < 1))
  np.testing.assert_array_equal(draws.uniform(images, [2]), first)
  draws.progress.assign(np.nextafter(np.float32(0.25), np.float32(1)))
  assert np.all(draws.uniform(images, [2]) != first)


def test_each_layer_has_a_seed_of_its_own_that_the_run_gives():
  def two():
    tf.keras.utils.set_random_seed(3)
    return [
      step_random.StepRandom(tf.Variable(0.5)).uniform(tf.zeros([9]), [])
      for _ in range(2)
    ]

  first = two()
  assert np.all(first[0] != first[1])
  np.testing.assert_array_equal(two(), first)


def test_what_is_kept_is_scaled():
  x = tf.constant([1.0, 2, 3])
  y = step_random.kept(x, tf.constant([0.1, 0.5, 0.7]), 0.5)
  np.testing.assert_array_equal(y, [2, 0, 0])
