"""The blocks of a sampled cell, step by step."""

import numpy as np
import tensorflow as tf

from deeplab_nas.nn.supernet.sampled import cell as sampled_cell
from deeplab_nas.nn.supernet.sampled import operator as sampled_operator
from deeplab_nas.space import primitives

CHOSEN = (primitives.SKIP, primitives.MAX_POOL_3X3)
KIND = sampled_operator.Kind(CHOSEN)
SKIP, POOL, NOTHING = range(3)
# prev and prev_prev into block 0; these and block 0 into block 1.
PRIMITIVE = [SKIP, NOTHING, POOL, NOTHING, SKIP]
SCALE = [2.0, 0.0, 1.0, 0.0, 3.0]


def slots():
  zeros = tf.zeros([5], tf.int32)
  return [tf.constant(PRIMITIVE), tf.constant(SCALE), zeros, zeros]


def test_blocks_add_up_what_their_edges_give():
  prev = tf.random.stateless_normal([1, 4, 4, 2], [0, 0])
  prev_prev = prev * np.nan  # which nothing reads
  none, rows = tf.zeros([0]), tf.zeros([0, 0])
  cell = sampled_cell.for_kind(KIND, 2, 1, True)
  blocks, mean, _ = cell.forward(prev, prev_prev, *slots(), none, rows, rows)
  pooled = tf.nn.max_pool2d(prev, 3, 1, 'SAME')
  expected = tf.concat([2 * prev, pooled + 6 * prev], -1)
  np.testing.assert_allclose(blocks, expected, rtol=1e-6)
  assert mean.shape == [0, 2]

  g = tf.random.stateless_normal([1, 4, 4, 4], [0, 1])
  with tf.GradientTape() as tape:
    tape.watch(prev)
    pooled = tf.nn.max_pool2d(prev, 3, 1, 'SAME')
    expected = tf.concat([2 * prev, pooled + 6 * prev], -1)
  expected = tape.gradient(expected, prev, g)
  of_prev, of_prev_prev, of_weights = cell.backward(
    prev, prev_prev, blocks, g, *slots(), none
  )
  np.testing.assert_allclose(of_prev, expected, rtol=1e-5, atol=1e-6)
  np.testing.assert_array_equal(of_prev_prev, 0)
  assert of_weights.shape == [0]


def test_nodes_of_a_kind_share_their_functions():
  cell = sampled_cell.for_kind(KIND, 2, 1, True)
  assert cell is sampled_cell.for_kind(KIND, 2, 1, True)
  assert cell.forward is cell.forward
