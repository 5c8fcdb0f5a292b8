"""Shapes: numbers where known."""

import tensorflow as tf

from deeplab_nas.nn.kernels import shapes


def test_known_dimensions_are_numbers():
  assert shapes.dims(tf.zeros([2, 3])) == [2, 3]


def test_unknown_dimensions_are_tensors():
  seen = []

  @tf.function(input_signature=[tf.TensorSpec([None, 3])])
  def read(x):
    seen.append(shapes.dims(x))
    return seen[-1][0]

  assert int(read(tf.zeros([5, 3]))) == 5
  assert seen[-1][1] == 3


def test_channels_of_groups_become_one_axis():
  x = tf.reshape(tf.range(2 * 1 * 3 * 4 * 5), [2, 1, 3, 4, 5])
  flat = shapes.flat_channels(x)
  assert flat.shape == (2, 1, 3, 20)
  assert flat[1, 0, 2, 6] == x[1, 0, 2, 1, 1]
  assert shapes.flat_channels(flat) is flat
