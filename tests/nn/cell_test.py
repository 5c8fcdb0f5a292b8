"""A node of the supernet: its weights and statistics."""

import numpy as np
import tensorflow as tf

from deeplab_nas.nn import batch_norm, cell
from deeplab_nas.space import cell_space, primitives
from tests.nn import random_cell


def test_architecture_step_leaves_statistics_alone():
  space = cell_space.CellSpace(1)
  layer = cell.Cell(space, 2, 1)
  inputs = random_cell.inputs(np.random.default_rng(0), space, 2, 1)
  layer(**inputs, training=True, update_statistics=False)
  np.testing.assert_array_equal(layer.moving_mean, 0)
  layer(**inputs, training=True)
  assert np.abs(layer.moving_mean).max() > 0


def test_statistics_move_by_one_minus_momentum():
  space = cell_space.CellSpace(1, (primitives.ATROUS_CONV_3X3,))
  layer = cell.Cell(space, 2, 1)
  inputs = random_cell.inputs(np.random.default_rng(0), space, 2, 1)
  layer(**inputs, training=True)
  edge = space.edge_index(source=0, block=0)
  x = tf.nn.conv2d(
    tf.nn.relu(inputs['prevs'][0]),
    layer.op_weights[0][0][edge],
    1,
    'SAME',
    dilations=2,
  )
  expected = (1 - batch_norm.MOMENTUM) * np.mean(x, axis=(0, 1, 2))
  np.testing.assert_allclose(
    layer.moving_mean[0, 0, edge], expected, rtol=1e-4, atol=1e-6
  )


def test_weights_are_drawn_as_he_et_al_draw_one_edge():
  layer = cell.Cell(cell_space.CellSpace(5), 32, 1)
  layer.build()
  kernels = {weight.name.split(':')[0]: weight for weight in layer.weights}
  fan_in = {'atrous_conv_3x3_0': 9 * 32, 'sep_conv_5x5_0': 25}
  for name, fan in fan_in.items():
    expected = np.sqrt(2 / fan)
    np.testing.assert_allclose(np.std(kernels[name]), expected, rtol=0.05)
