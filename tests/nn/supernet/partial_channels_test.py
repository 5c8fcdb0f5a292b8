"""Splitting, shuffling and joining channels, several transitions at once."""

import numpy as np
import pytest
import tensorflow as tf

from deeplab_nas.nn.supernet import partial_channels
from deeplab_nas.space import cell_space, primitives
from tests.nn import random_cell


def numbered(num_transitions, filters=8):
  """Channel c of transition t holds 100 t + c everywhere."""
  channels = [
    100 * t + c for t in range(num_transitions) for c in range(filters)
  ]
  return tf.ones([2, 3, 4, 1]) * tf.constant(channels, tf.float32)


def channels(x):
  return np.asarray(x)[1, 2, 3].tolist()


def test_split_takes_the_first_channels_of_each_transition():
  first, rest = partial_channels.split(numbered(2), 8, 2)
  assert channels(first) == [0, 1, 100, 101]
  assert channels(rest) == [2, 3, 4, 5, 6, 7, *range(102, 108)]


@pytest.mark.parametrize('num_transitions', [1, 3])
def test_join_undoes_split_and_shuffles(num_transitions):
  x = numbered(num_transitions)
  joined = partial_channels.join(*partial_channels.split(x, 8, 2), 8, 4)
  expected = [0, 2, 4, 6, 1, 3, 5, 7]
  assert channels(joined) == [
    100 * t + c for t in range(num_transitions) for c in expected
  ]
  assert joined.shape == x.shape


def test_channels_in_front_after_a_shuffle_come_from_all_groups():
  assert channels(partial_channels.shuffle(numbered(1), 8, 4))[:4] == [
    0,
    2,
    4,
    6,
  ]


def test_unknown_sizes_are_computed_at_run_time():
  @tf.function(input_signature=[tf.TensorSpec([None, None, None, 16])])
  def through(x):
    return partial_channels.join(*partial_channels.split(x, 8, 2), 8, 4)

  np.testing.assert_array_equal(
    through(numbered(2)), partial_channels.shuffle(numbered(2), 8, 4)
  )


def test_there_is_no_bypass_where_operations_see_all_channels():
  space = cell_space.CellSpace(1, primitives.PRIMITIVES)
  op = tf.ones([2, 8])
  shapes = [random_cell.shape(space, 4, 2, k) for k in (1, 2)]
  assert partial_channels.bypass(shapes[0], op) is None
  assert partial_channels.bypass(shapes[1], op).rests == []
