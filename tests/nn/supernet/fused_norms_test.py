"""Norms of the fast path: scales and the order of statistics."""

import numpy as np
import tensorflow as tf

from deeplab_nas.nn.kernels import batch_norm
from deeplab_nas.nn.supernet import fused_norms
from deeplab_nas.nn.supernet.layout import Input, Part
from deeplab_nas.space import primitives
from tests.nn.supernet import fused_kernels_test

ATROUS = (primitives.ATROUS_CONV_3X3,)


def random_tensor(channels):
  return tf.random.stateless_normal([2, 5, 6, channels], [1, 2], 1.0, 3.0)


def test_an_operation_is_scaled_by_its_alpha_and_an_input_is_not():
  layout, inputs = fused_kernels_test.node(chosen=ATROUS)
  norms = fused_norms.Norms(layout, inputs, training=True)
  key = Part(0, 0, 0)
  rows = layout.rows[key]
  y = norms.normalize(random_tensor(2 * len(rows)), [key])
  spread = np.reshape(np.std(y, axis=(0, 1, 2)), [len(rows), 2])
  alpha = [inputs.op[edge, 0].numpy() for _, edge in rows]
  np.testing.assert_allclose(spread[:, 0], alpha, rtol=1e-2)
  y = norms.normalize(random_tensor(6), [Input(0), Input(1), Input(2)])
  np.testing.assert_allclose(np.std(y, axis=(0, 1, 2)), 1, rtol=1e-2)


def test_statistics_come_in_the_order_of_the_layout():
  layout, inputs = fused_kernels_test.node(chosen=ATROUS)
  norms = fused_norms.Norms(layout, inputs, training=True)
  for key in reversed(layout.rows):  # whatever the order of the calls
    first = [layout.row[key, t, edge] for t, edge in layout.rows[key]]
    values = tf.repeat(tf.constant(first, tf.float32), 2)
    norms.normalize(tf.zeros([1, 2, 2, 1]) + values, [key])
  mean, variance = norms.statistics()
  rows = np.arange(layout.num_rows)
  np.testing.assert_allclose(mean, np.stack([rows, rows], -1), atol=1e-4)
  np.testing.assert_allclose(variance, 0, atol=1e-4)


def test_inference_uses_the_moving_statistics():
  layout, inputs = fused_kernels_test.node(chosen=ATROUS)
  inputs = inputs._replace(moving_mean=inputs.moving_mean + 5)
  norms = fused_norms.Norms(layout, inputs, training=False)
  x = random_tensor(2)
  y = norms.normalize(x, [Input(3)])
  expected = (x - 5) / np.sqrt(1 + batch_norm.EPSILON)
  np.testing.assert_allclose(y, expected, rtol=1e-4, atol=1e-5)
  assert norms.statistics()[0] is inputs.moving_mean
