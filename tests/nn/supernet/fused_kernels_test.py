"""Kernels of the fast path against sums written out."""

import numpy as np
import tensorflow as tf

from deeplab_nas.nn.supernet import fused_kernels, reference_node
from deeplab_nas.nn.supernet import layout as layout_lib
from deeplab_nas.space import cell_space, primitives
from tests.nn import random_cell

LINEAR = (primitives.MAX_POOL_3X3, primitives.SEP_CONV_3X3, primitives.SKIP)


def node(num_transitions=3, filters=2, chosen=LINEAR):
  space = cell_space.CellSpace(2, chosen)
  layout = layout_lib.make(random_cell.shape(space, filters, num_transitions))
  rng = np.random.default_rng(0)
  call = random_cell.inputs(rng, space, num_transitions)
  inputs = reference_node.NodeInputs(
    tuple(call['prevs']),
    call['prev_prev'],
    call['op'],
    call['beta'],
    tf.range(layout.num_weights, dtype=tf.float32),
    tf.zeros([layout.num_rows, filters]),
    tf.ones([layout.num_rows, filters]),
  )
  return layout, inputs


def test_linear_operations_have_a_weight_on_each_edge_of_a_source():
  layout, inputs = node()
  weights = fused_kernels.of_linear(layout, inputs)
  cell = layout.shape.cell
  assert len(weights) == 3  # prev, prev_prev and block_0
  for source, of_source in enumerate(weights):
    edges = [i for i, edge in enumerate(cell.edges) if edge.source == source]
    expected = [inputs.op.numpy()[edge, [0, 2]] for edge in edges]
    np.testing.assert_array_equal(of_source, expected)


def test_without_skip_and_pools_there_are_no_weights_of_them():
  assert fused_kernels.of_linear(*node(chosen=LINEAR[1:2])) == []


def test_transitions_are_summed_by_one_convolution():
  layout, inputs = node()
  x = tf.random.stateless_normal([1, 4, 5, 2, 3, 2], [1, 2])  # block, T, C
  kernel = fused_kernels.of_transitions(layout, inputs)
  y = tf.nn.conv2d(tf.reshape(x, [1, 4, 5, 12]), kernel, 1, 'SAME')
  expected = tf.einsum('bhwktc,t->bhwkc', x, inputs.beta)
  np.testing.assert_allclose(
    np.reshape(y, expected.shape), expected, rtol=1e-5, atol=1e-6
  )
