"""A node of the supernet: its weights and statistics."""

import numpy as np
import tensorflow as tf

from deeplab_nas.nn.kernels import batch_norm, phases
from deeplab_nas.nn.supernet import layout as layout_lib
from deeplab_nas.nn.supernet import node as node_lib
from deeplab_nas.space import cell_space
from tests.nn import random_cell


def build(space, filters, seed=0):
  layer = node_lib.Cell(random_cell.shape(space, filters, 2))
  layer.build()
  return layer, random_cell.inputs(np.random.default_rng(seed), space, 2)


def test_architecture_step_leaves_statistics_alone():
  layer, inputs = build(cell_space.CellSpace(1), 2)
  layer(**inputs, phase=phases.ARCH_STEP)
  np.testing.assert_array_equal(layer.moving_mean, 0)
  layer(**inputs, phase=phases.WEIGHT_STEP)
  assert np.all(np.asarray(layer.moving_mean) != 0)


def test_statistics_move_by_one_minus_momentum():
  layer, inputs = build(cell_space.CellSpace(1), 2)
  layer(**inputs, phase=phases.WEIGHT_STEP)
  layout = layer.layout
  blocks = layout.unpack(layer.kernel_vector)
  kernel = blocks[layout_lib.Input(2)]
  x = tf.nn.conv2d(tf.nn.relu(inputs['prev_prev']), kernel, 1, 'SAME')
  expected = (1 - batch_norm.MOMENTUM) * np.mean(x, axis=(0, 1, 2))
  row = layout.row[layout_lib.Input(2), 2, 0]
  np.testing.assert_allclose(
    layer.moving_mean[row], expected, rtol=1e-4, atol=1e-6
  )


def test_a_node_has_one_variable_to_learn():
  layer, _ = build(cell_space.CellSpace(5), 2)
  assert len(layer.trainable_weights) == 1
  assert len(layer.weights) == 3
