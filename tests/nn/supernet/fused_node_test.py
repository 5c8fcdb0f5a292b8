"""The fast cell is the readable cell: values, gradients, statistics."""

import dataclasses
import os
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from deeplab_nas.nn.kernels import graph_ops, phases
from deeplab_nas.nn.supernet import fused_node, operators
from deeplab_nas.nn.supernet import node as node_lib
from deeplab_nas.space import cell_space, primitives
from tests.nn import closeness, random_cell

ALL = tuple(primitives.BY_NAME.values())
# Primitives, blocks, filters, transitions, K of partial channels, and whether
# kernels are shared.
SPACES = {
  'paper, one transition': (primitives.PRIMITIVES, 2, 2, 1),
  'paper, two transitions': (primitives.PRIMITIVES, 2, 3, 2),
  'darts, three transitions': (primitives.DARTS_PRIMITIVES, 3, 4, 3),
  'all primitives': (ALL, 1, 3, 3),
  'no pools, no skip': (ALL[4:7], 2, 2, 3),
  'nothing learnt': (ALL[:4], 2, 2, 2),
  'paper, half the channels': (primitives.PRIMITIVES, 3, 6, 2, 2),
  'paper, a quarter, one transition': (primitives.PRIMITIVES, 2, 8, 1, 4),
  'darts, half the channels': (primitives.DARTS_PRIMITIVES, 2, 6, 1, 2),
  'darts, a quarter': (primitives.DARTS_PRIMITIVES, 3, 12, 3, 4),
  'paper, shared kernels': (primitives.PRIMITIVES, 3, 3, 2, 1, True),
  'all primitives, shared, half': (ALL, 2, 6, 3, 2, True),
}
STORED = [
  'paper, two transitions',
  'all primitives',
  'darts, a quarter',
  'paper, shared kernels',
]


def random_weights(rng, layer):
  for weight in layer.weights:
    lowest, highest = (0.5, 2) if 'variance' in weight.name else (-0.5, 0.5)
    weight.assign(rng.uniform(lowest, highest, size=weight.shape))


def run(layer, inputs, output_gradient, phase):
  """Output, gradients of inputs and weights, and statistics afterwards."""
  watched = tf.nest.flatten({k: v for k, v in inputs.items() if k != 'size'})
  with tf.GradientTape() as tape:
    tape.watch(watched)
    output = layer(**inputs, phase=phase)
    objective = tf.reduce_sum(output * output_gradient)
  learnt = layer.trainable_weights if phase.weights_learn else []
  gradients = tape.gradient(objective, watched + learnt)
  statistics = [layer.moving_mean, layer.moving_variance]
  return [output, *gradients, *map(tf.convert_to_tensor, statistics)]


def pair(case, **settings):
  """A fast and a readable cell of the same weights, their inputs, dL/dy."""
  chosen, num_blocks, filters, num_transitions, *partial = SPACES[case]
  space = cell_space.CellSpace(num_blocks, chosen)
  rng = np.random.default_rng(len(case))
  shape = random_cell.shape(space, filters, num_transitions, *partial)
  inputs = random_cell.inputs(rng, space, num_transitions)
  if partial:  # edges have weights of their own
    inputs['op'] *= rng.uniform(0.1, 1, [len(space.edges), 1])
  fast = node_lib.Cell(shape, fused=True, **settings)
  readable = node_lib.Cell(shape, fused=False)
  for layer in (fast, readable):
    layer.build()
  random_weights(rng, fast)
  readable.set_weights(fast.get_weights())
  gradient = rng.normal(size=(2, *inputs['size'], num_blocks * filters))
  return fast, readable, inputs, gradient


@pytest.mark.parametrize('phase', [phases.WEIGHT_STEP, phases.INFERENCE])
@pytest.mark.parametrize('case', SPACES)
def test_fast_cell_equals_readable_cell(case, phase):
  fast, readable, *arguments = pair(case)
  closeness.assert_close(
    run(fast, *arguments, phase), run(readable, *arguments, phase)
  )


@pytest.mark.parametrize('case', STORED)
def test_fast_cell_equals_readable_cell_with_everything_stored(case):
  fast, readable, *arguments = pair(case, recompute=False)
  closeness.assert_close(
    run(fast, *arguments, phases.WEIGHT_STEP),
    run(readable, *arguments, phases.WEIGHT_STEP),
  )


@pytest.mark.parametrize('case', STORED)
def test_in_a_recorded_step_it_is_the_same_with_fewer_nodes(case):
  fast, readable, *arguments = pair(case)

  def step():
    return run(fast, *arguments, phases.WEIGHT_STEP)

  recorded, plain = (
    tf.function(function, autograph=False)
    for function in (graph_ops.recorded(step), step)
  )
  num_nodes = [
    len(function.get_concrete_function().graph.get_operations())
    for function in (recorded, plain)
  ]
  assert num_nodes[0] < num_nodes[1]
  closeness.assert_close(
    recorded(), run(readable, *arguments, phases.WEIGHT_STEP)
  )


@pytest.mark.parametrize('case', STORED)
def test_architecture_step_has_the_same_gradients_but_those_of_weights(case):
  fast, readable, inputs, gradient = pair(case)
  statistics = readable.get_weights()[1:]
  closeness.assert_close(
    run(fast, inputs, gradient, phases.ARCH_STEP),
    run(readable, inputs, gradient, phases.ARCH_STEP),
  )
  with tf.GradientTape() as tape:
    output = fast(**inputs, phase=phases.ARCH_STEP)
  assert tape.gradient(output, fast.kernel_vector) is None
  for before, after in zip(statistics, fast.get_weights()[1:]):
    np.testing.assert_array_equal(before, after)


class Doubled(operators.AtrousConv):
  """An operator that the fast path does not know: two norms, one weight."""

  num_norms = 2

  def __call__(self, x, weights, normalize):
    return normalize(2 * super().__call__(x, weights, normalize))


class Bottleneck(operators.Operator):
  """An operator whose weights have other widths than a block's."""

  num_norms = 1

  @property
  def weight_shapes(self):
    wide = 3 * self.filters
    return ((1, 1, self.filters, wide), (1, 1, wide, self.filters), (wide,))

  def __call__(self, x, weights, normalize):
    x = tf.nn.conv2d(x, weights[0], 1, 'SAME') + weights[2]
    return normalize(tf.nn.conv2d(tf.nn.relu(x), weights[1], 1, 'SAME'))


@pytest.mark.parametrize('phase', [phases.WEIGHT_STEP, phases.INFERENCE])
@pytest.mark.parametrize('partial', [1, 2])
@pytest.mark.parametrize('operator', [Doubled, Bottleneck])
def test_unknown_operator_falls_back_to_its_builder(
  monkeypatch, operator, partial, phase
):
  name = operator.__name__
  monkeypatch.setitem(operators.BUILDERS, name, operator)
  new = dataclasses.replace(primitives.ATROUS_CONV_3X3, name=name, kind=name)
  monkeypatch.setitem(
    SPACES, name, ((new, *primitives.PRIMITIVES[-2:]), 2, 4, 3, partial)
  )
  test_fast_cell_equals_readable_cell(name, phase)


def test_nodes_of_one_shape_share_their_functions():
  space = cell_space.CellSpace(1)
  two, same, three = (random_cell.shape(space, 4, t) for t in (2, 2, 3))
  assert fused_node.for_shape(two) is fused_node.for_shape(same)
  assert fused_node.for_shape(two) is not fused_node.for_shape(three)


@pytest.mark.slow
def test_without_onednn_the_readable_path_is_taken_and_said():
  program = (
    'from deeplab_nas.nn.supernet import supernet\n'
    'from deeplab_nas.space import CellSpace, Lattice, SearchSpace\n'
    'space = SearchSpace(CellSpace(1), Lattice(1), 1)\n'
    'print(supernet.Supernet(space, 2).fused)\n'
  )
  result = subprocess.run(
    [sys.executable, '-c', program],
    capture_output=True,
    text=True,
    env={**os.environ, 'TF_ENABLE_ONEDNN_OPTS': '0'},
  )
  assert result.stdout.strip() == 'False', result.stderr
  assert 'TF_ENABLE_ONEDNN_OPTS' in result.stderr
