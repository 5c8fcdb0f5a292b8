"""Reading and writing parts of the variables of one level."""

import numpy as np
import tensorflow as tf

from deeplab_nas.nn.kernels import batch_norm
from deeplab_nas.nn.supernet.sampled import touched


def variables(*shapes):
  rng = np.random.default_rng(0)
  return [tf.Variable(rng.normal(size=s).astype('f')) for s in shapes]


def test_values_of_one_level_are_read():
  found = tf.function(touched.read)
  vectors = variables([5], [7])
  for level, indices in ((0, [4, 0]), (1, [6]), (1, [])):
    expected = vectors[level].numpy()[np.array(indices, int)]
    actual = found(tf.constant(level), vectors, tf.constant(indices, tf.int32))
    np.testing.assert_array_equal(actual, expected)


def test_only_the_indices_of_one_level_are_written():
  vectors = variables([5], [7])
  expected = [v.numpy() for v in vectors]
  expected[1][[2, 6]] = 8, 9
  tf.function(touched.write)(
    tf.constant(1), vectors, tf.constant([2, 6]), tf.constant([8.0, 9.0])
  )
  for variable, value in zip(vectors, expected):
    np.testing.assert_array_equal(variable, value)


def test_statistics_move_towards_those_of_the_batch_and_of_zeros():
  moving = variables([4, 3], [6, 3])
  rows = dict(norms=tf.constant([5, 1]), zero_norms=tf.constant([2]))
  layer = touched.Layer(tf.constant(1), *[None] * 7)._replace(**rows)
  batch = np.random.default_rng(1).normal(size=[2, 3]).astype('f')
  expected = moving[1].numpy()
  share = 1 - batch_norm.MOMENTUM
  for row, value in ((5, batch[0]), (1, batch[1]), (2, 0)):
    expected[row] += share * (value - expected[row])
  first = moving[0].numpy()
  tf.function(touched.fold)(layer, moving, tf.constant(batch))
  np.testing.assert_allclose(moving[1], expected, rtol=1e-6)
  np.testing.assert_array_equal(moving[0], first)
