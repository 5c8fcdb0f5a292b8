"""Shared kernels are those of blocks, wherever edges compute with them."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from deeplab_nas.nn.kernels import phases
from deeplab_nas.nn.supernet import layout as layout_lib
from deeplab_nas.nn.supernet import node as node_lib
from deeplab_nas.nn.supernet import operators
from deeplab_nas.space import cell_space, primitives
from tests.nn import closeness, random_cell

ALL = tuple(primitives.BY_NAME.values())
CASES = [
  (1, primitives.PRIMITIVES, 2, 1),
  (3, primitives.PRIMITIVES, 2, 1),
  (4, ALL, 4, 2),
  (2, primitives.PRIMITIVES[:3], 2, 1),  # nothing learnt
  (3, (primitives.ATROUS_CONV_3X3,), 2, 1),
]


def layouts(num_blocks, chosen, filters, partial_channels):
  """Of the same cell with shared kernels, and without."""
  space = cell_space.CellSpace(num_blocks, chosen)
  return [
    layout_lib.make(
      random_cell.shape(space, filters, 3, partial_channels, is_shared)
    )
    for is_shared in (True, False)
  ]


def places(layout):
  """Where each weight of (edge, operator, number) lies in the vector."""
  blocks = layout.unpack(tf.range(layout.num_weights))
  found = {}
  for edge in range(len(layout.shape.cell.edges)):
    for k in range(len(layout.operators)):
      for i, where in enumerate(layout.of_edge(blocks, k, edge)):
        found[edge, k, i] = where.numpy()
  inputs = {
    key: where.numpy()
    for key, where in blocks.items()
    if isinstance(key, layout_lib.Input)
  }
  return found, inputs


@pytest.mark.parametrize('case', CASES)
def test_edges_into_a_block_have_the_same_and_all_others_do_not(case):
  shared, _ = layouts(*case)
  found, inputs = places(shared)
  edges = shared.shape.cell.edges
  by_block = {}
  for (edge, k, i), where in found.items():
    assert where.shape == shared.operators[k].weight_shapes[i]
    key = edges[edge].block, k, i
    np.testing.assert_array_equal(by_block.setdefault(key, where), where)
  every = [*by_block.values(), *inputs.values()]
  np.testing.assert_array_equal(
    np.sort(np.concatenate(list(map(np.ravel, every)))),
    np.arange(shared.num_weights),
  )


@pytest.mark.parametrize('case', CASES)
def test_each_is_drawn_as_that_of_an_edge(case):
  shared, own = layouts(*case)
  spreads = [
    {key: np.unique(layout.stddevs[where]) for key, where in found.items()}
    for layout in (shared, own)
    for found in places(layout)
  ]
  of_shared, of_own = spreads[:2], spreads[2:]
  assert of_shared == of_own
  drawn = shared.initial_weights([shared.num_weights])
  assert drawn.shape == [shared.num_weights]


class Biased(operators.Operator):
  """One that the fast path does not know, with a vector among its weights."""

  num_norms = 1

  @property
  def weight_shapes(self):
    return ((1, 1, self.filters, self.filters), (self.filters,))

  def __call__(self, x, weights, normalize):
    return normalize(tf.nn.conv2d(x, weights[0], 1, 'SAME') + weights[1])


@pytest.mark.parametrize('fused', [True, False])
def test_it_is_a_cell_with_equal_kernels_whose_gradients_add_up(
  fused, monkeypatch
):
  monkeypatch.setitem(operators.BUILDERS, 'biased', Biased)
  biased = dataclasses.replace(
    primitives.ATROUS_CONV_3X3, name='biased', kind='biased'
  )
  chosen = (
    primitives.SKIP,
    primitives.SEP_CONV_3X3,
    primitives.ATROUS_CONV_3X3,
    biased,
  )
  space = cell_space.CellSpace(3, chosen)
  rng = np.random.default_rng(0)
  shared, own = (
    node_lib.Cell(random_cell.shape(space, 2, 2, 1, is_shared), fused=fused)
    for is_shared in (True, False)
  )
  for cell in (shared, own):
    cell.build()
  to, source = places(own.layout), places(shared.layout)
  pairs = [
    (where, source[part][key])
    for part, found in enumerate(to)
    for key, where in found.items()
  ]
  weights = rng.normal(0, 0.5, shared.layout.num_weights).astype(np.float32)
  copied = np.zeros(own.layout.num_weights, np.float32)
  for where, origin in pairs:
    copied[where] = weights[origin]
  shared.kernel_vector.assign(weights)
  own.kernel_vector.assign(copied)

  inputs = random_cell.inputs(rng, space, 2)
  upstream = rng.normal(size=(2, *inputs['size'], 6))
  results = []
  for cell in (shared, own):
    with tf.GradientTape() as tape:
      output = cell(**inputs, phase=phases.WEIGHT_STEP)
      objective = tf.reduce_sum(output * upstream)
    gradient = tape.gradient(objective, cell.kernel_vector).numpy()
    results.append([output, cell.moving_mean, cell.moving_variance, gradient])
  summed = np.zeros_like(weights)
  for where, origin in pairs:
    np.add.at(summed, origin, results[1][-1][where])
  results[1][-1] = summed
  closeness.assert_close(*results)


def test_there_are_as_many_weights_as_blocks_have():
  shared, own = layouts(5, primitives.PRIMITIVES, 8, 1)
  of_inputs = sum(
    np.prod(own.block_shape(layout_lib.Input(t))) for t in range(4)
  )
  ratio = (own.num_weights - of_inputs) / (shared.num_weights - of_inputs)
  assert ratio == len(own.shape.cell.edges) / 5 == 4
