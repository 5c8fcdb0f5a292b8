"""The readable definition: sum_k alpha_k O^k(x)."""

import numpy as np
import tensorflow as tf

from deeplab_nas.nn.supernet import operators as ops
from deeplab_nas.nn.supernet import reference_node
from deeplab_nas.space import primitives


def test_mixed_op_is_the_weighted_sum_of_its_operators():
  operators = [ops.build(p, 2) for p in primitives.PRIMITIVES]
  rng = np.random.default_rng(0)

  def draw(shape):
    return tf.constant(rng.normal(size=shape), tf.float32)

  weights = [[draw(s) for s in op.weight_shapes] for op in operators]
  alpha = tf.nn.softmax(draw([8]))
  x = draw([1, 6, 6, 2])
  normalizers = [tf.tanh] * 8
  expected = sum(
    a * operator(x, w, tf.tanh)
    for a, operator, w in zip(alpha.numpy(), operators, weights)
  )
  actual = reference_node.MixedOp(operators)(x, alpha, weights, normalizers)
  np.testing.assert_allclose(actual, expected, rtol=1e-5, atol=1e-5)


def test_none_contributes_nothing():
  none = ops.build(primitives.NONE, 2)
  x = tf.ones([1, 4, 4, 2])
  result = reference_node.MixedOp([none])(x, tf.ones([1]), [[]], [None])
  np.testing.assert_array_equal(result, 0)


def test_partial_mixed_op_works_on_the_first_channels_and_shuffles():
  chosen = (primitives.NONE, primitives.SKIP, primitives.MAX_POOL_3X3)
  operators = [ops.build(p, 2) for p in chosen]
  op_weights = tf.constant([0.1, 0.3, 0.2])
  x = tf.random.stateless_normal([1, 5, 5, 8], [0, 1])
  partial = reference_node.PartialMixedOp(operators, 4)
  actual = partial(x, op_weights, [()] * 3, [None] * 3)
  pooled = tf.nn.max_pool2d(x, 3, 1, 'SAME')
  parts = [
    0.3 * x[..., :2] + 0.2 * pooled[..., :2],
    *(0.6 * x[..., start : start + 2] for start in (2, 4, 6)),
  ]
  expected = np.concatenate(
    [part[..., i : i + 1] for i in range(2) for part in parts], axis=-1
  )
  np.testing.assert_allclose(actual, expected, rtol=1e-5, atol=1e-6)
