"""The fast cell is the readable cell: values, gradients, statistics."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from deeplab_nas.nn import batch_norm, cell, fused_cell, ops
from deeplab_nas.space import cell_space, primitives
from tests.nn import closeness

ALL = tuple(primitives.BY_NAME.values())
SPACES = {
  'paper, one transition': (primitives.PRIMITIVES, 2, 2, 1),
  'paper, two transitions': (primitives.PRIMITIVES, 2, 3, 2),
  'darts, three transitions': (primitives.DARTS_PRIMITIVES, 3, 4, 3),
  'all primitives': (ALL, 1, 3, 3),
  'no pools, no skip': (ALL[4:7], 2, 2, 3),
  'nothing learnt': (ALL[:4], 2, 2, 2),
}


def random_inputs(rng, space, filters, num_transitions, size=(9, 12)):
  def draw(*shape):
    return tf.constant(rng.normal(size=shape), tf.float32)

  return dict(
    prevs=[draw(2, *size, filters) for _ in range(num_transitions)],
    prev_prev=draw(2, *size, filters),
    op=tf.nn.softmax(draw(len(space.edges), len(space.primitives))),
    beta=tf.nn.softmax(draw(num_transitions)),
  )


def random_weights(rng, layer):
  for weight in layer.weights:
    lowest, highest = (0.5, 2) if 'variance' in weight.name else (-0.5, 0.5)
    weight.assign(rng.uniform(lowest, highest, size=weight.shape))


def run(layer, inputs, output_gradient, training):
  """Output, gradients of inputs and weights, and statistics afterwards."""
  watched = tf.nest.flatten(inputs)
  with tf.GradientTape() as tape:
    tape.watch(watched)
    output = layer(**inputs, training=training)
    objective = tf.reduce_sum(output * output_gradient)
  gradients = tape.gradient(objective, watched + layer.trainable_weights)
  statistics = [layer.moving_mean, layer.moving_variance]
  return [output, *gradients, *map(tf.convert_to_tensor, statistics)]


@pytest.mark.parametrize('training', [True, False])
@pytest.mark.parametrize('case', SPACES)
def test_fast_cell_equals_readable_cell(case, training):
  chosen, num_blocks, filters, num_transitions = SPACES[case]
  space = cell_space.CellSpace(num_blocks, chosen)
  rng = np.random.default_rng(len(case))
  inputs = random_inputs(rng, space, filters, num_transitions)
  fast = cell.Cell(space, filters, num_transitions, fused=True)
  readable = cell.Cell(space, filters, num_transitions, fused=False)
  for layer in (fast, readable):
    layer.build()
  random_weights(rng, fast)
  readable.set_weights(fast.get_weights())
  output_gradient = rng.normal(size=(2, 9, 12, num_blocks * filters))

  closeness.assert_close(
    run(fast, inputs, output_gradient, training),
    run(readable, inputs, output_gradient, training),
  )


class Doubled(ops.AtrousConv):
  """An operator that the fast path does not know: two norms, one weight."""

  num_norms = 2

  def __call__(self, x, weights, normalize):
    return normalize(2 * super().__call__(x, weights, normalize))


@pytest.mark.parametrize('training', [True, False])
def test_unknown_operator_falls_back_to_its_builder(monkeypatch, training):
  monkeypatch.setitem(ops.BUILDERS, 'doubled', Doubled)
  new = dataclasses.replace(
    primitives.ATROUS_CONV_3X3, name='doubled', kind='doubled'
  )
  monkeypatch.setitem(
    SPACES, 'doubled', ((new, *primitives.PRIMITIVES[-2:]), 2, 2, 3)
  )
  test_fast_cell_equals_readable_cell('doubled', training)


def test_architecture_step_leaves_statistics_alone():
  space = cell_space.CellSpace(1)
  layer = cell.Cell(space, 2, 1)
  inputs = random_inputs(np.random.default_rng(0), space, 2, 1)
  layer(**inputs, training=True, update_statistics=False)
  np.testing.assert_array_equal(layer.moving_mean, 0)
  layer(**inputs, training=True)
  assert np.abs(layer.moving_mean).max() > 0


def test_statistics_move_by_one_minus_momentum():
  space = cell_space.CellSpace(1, (primitives.ATROUS_CONV_3X3,))
  layer = cell.Cell(space, 2, 1)
  inputs = random_inputs(np.random.default_rng(0), space, 2, 1)
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


def test_nodes_of_one_shape_share_their_functions():
  space = cell_space.CellSpace(1)
  assert fused_cell.for_shape(space, 4, 2) is fused_cell.for_shape(space, 4, 2)
  assert fused_cell.for_shape(space, 4, 2) is not fused_cell.for_shape(
    space, 4, 3
  )
