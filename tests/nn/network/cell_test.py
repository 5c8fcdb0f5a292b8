"""A cell: two projections, sums of two operations, a concatenation."""

import numpy as np
import pytest
import tensorflow as tf

from deeplab_nas.nn.network import cell as derived_cell
from deeplab_nas.nn.network import drop_path
from deeplab_nas.space import Genotype, primitives, zoo
from tests.nn import closeness, plain

FILTERS = 3
# Pools and skips only: the whole cell is a formula.
POOLS = Genotype(
  (0,),
  (
    (('prev', 'max_pool_3x3'), ('prev_prev', 'avg_pool_3x3')),
    (('prev_prev', 'max_pool_3x3'), ('block_0', 'skip_connect')),
    (('block_0', 'avg_pool_3x3'), ('block_1', 'max_pool_3x3')),
  ),
).cell
STRIDES = pytest.mark.parametrize('strides', [1, 2])


class Negate(tf.keras.layers.Layer):
  """In place of drop path: what it is applied to changes its sign."""

  def call(self, x, training=False, index=0):
    return -x if training else x


def build(blocks=POOLS, strides=1, projected=True, dropped=None, norm=None):
  cell = derived_cell.DerivedCell(
    blocks,
    FILTERS,
    strides,
    5 if projected else FILTERS,
    dropped or drop_path.ScheduledDropPath(1.0, tf.Variable(0.0)),
    norm,
    name='cell',
  )
  cell(*inputs(projected))
  return cell


def inputs(projected=True):
  """H^{l-1} and H^{l-2}; the latter has C channels if it is not projected."""
  channels = 5 if projected else FILTERS
  return (
    plain.images(2, 9, 7, 4),
    plain.images(2, 9, 7, channels, seed=1),
  )


def pools_by_hand(states, strides):
  prev, prev_prev = states

  def max_pool(x, strides=1):
    return tf.nn.max_pool2d(x, 3, strides, 'SAME')

  def avg_pool(x, strides=1):
    return tf.nn.avg_pool2d(x, 3, strides, 'SAME')

  first = max_pool(prev, strides) + avg_pool(prev_prev, strides)
  second = max_pool(prev_prev, strides) + first
  third = avg_pool(first) + max_pool(second)
  return tf.concat([first, second, third], -1)


@STRIDES
def test_blocks_are_sums_and_the_output_is_all_of_them_in_order(strides):
  cell = plain.randomize(build(strides=strides, norm=plain.norm_factory()))
  prev, prev_prev = inputs()
  y = cell(prev, prev_prev)
  assert y.shape == (2, 8 // strides + 1, 6 // strides + 1, 3 * FILTERS)
  states = (
    plain.unit(tf.nn.relu(prev), cell.prev),
    plain.unit(tf.nn.relu(prev_prev), cell.prev_prev),
  )
  closeness.assert_close([y], [pools_by_hand(states, strides)])


def test_an_input_that_has_the_channels_is_taken_as_it_is():
  cell = build(projected=False)
  assert cell.prev_prev is None
  prev, prev_prev = inputs(projected=False)
  assert np.any(prev_prev < 0)  # no ReLU either
  states = plain.unit(tf.nn.relu(prev), cell.prev), prev_prev
  expected = pools_by_hand(states, 1)
  closeness.assert_close([cell(prev, prev_prev)], [expected])


@pytest.mark.parametrize('name', ['auto_deeplab', 'pnasnet5'])
@STRIDES
def test_operations_are_the_genotypes_and_only_readers_of_inputs_stride(
  name, strides
):
  blocks = zoo.load(name).cell
  cell = build(blocks, strides)
  assert [[op.primitive.name for op in ops] for ops in cell.ops] == [
    [primitive for _, primitive in block] for block in blocks
  ]
  x = tf.zeros([1, 9, 9, FILTERS])
  for block, ops in zip(blocks, cell.ops):
    for (source, _), op in zip(block, ops):
      size = 5 if strides == 2 and source.startswith('prev') else 9
      assert op(x).shape == (1, size, size, FILTERS)
  size = (8 // strides + 1, 6 // strides + 1)
  assert cell(*inputs()).shape == (2, *size, 5 * FILTERS)


@pytest.mark.parametrize('name', primitives.BY_NAME)
@STRIDES
def test_drop_path_is_applied_to_all_but_skips(name, strides):
  # Both terms are the same, so their sum is twice one of them.
  blocks = Genotype((0,), ((('prev', name), ('prev', name)),)).cell
  cell = build(blocks, strides, dropped=Negate())
  for other, op in zip(cell.ops[0][1].units, cell.ops[0][0].units):
    other.set_weights(op.get_weights())
  states = plain.unit(tf.nn.relu(inputs()[0]), cell.prev)
  term = cell.ops[0][0](states).numpy()
  sign = 1 if name == 'skip_connect' else -1
  closeness.assert_close([cell(*inputs())], [2 * term])
  closeness.assert_close([cell(*inputs(), training=True)], [sign * 2 * term])


def test_terms_are_dropped_independently_and_images_too():
  blocks = Genotype(
    (0,), ((('prev', 'max_pool_3x3'), ('prev_prev', 'max_pool_3x3')),)
  ).cell
  cell = build(
    blocks, dropped=drop_path.ScheduledDropPath(0.5, tf.Variable(1.0))
  )
  # So that the two terms are 1 and 3, or twice that where they are kept.
  for unit, value in ((cell.prev, 1), (cell.prev_prev, 3)):
    (conv,) = unit.convs
    kernel, bias = conv.get_weights()
    conv.set_weights([0 * kernel, 0 * bias + value])
  tf.random.set_seed(0)
  x = tf.zeros([64, 3, 3, 4]), tf.zeros([64, 3, 3, 5])
  np.testing.assert_array_equal(cell(*x), 4 * np.ones([64, 3, 3, FILTERS]))
  assert set(np.unique(cell(*x, training=True))) == {0, 2, 6, 8}


def test_training_reaches_projections_and_operations():
  cell = build(
    zoo.load('auto_deeplab').cell, norm=plain.norm_factory(momentum=0.5)
  )
  cell(*inputs(), training=True)
  norms = plain.norms(cell)
  assert len(norms) == 2 + 3 * 1 + 7 * 2  # atrous ones have one, others two
  for norm in norms:
    assert np.all(norm.moving_variance.numpy() != 1), norm.name
