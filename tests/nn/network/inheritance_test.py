"""Exact morphisms keep the function of networks; others say what they are."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from deeplab_nas.nn.network import inheritance, step_random
from deeplab_nas.nn.network import network as network_lib
from deeplab_nas.space import genotype as genotype_lib
from deeplab_nas.space import search_space

OPTIONS = network_lib.NetworkOptions(
  stem_filters=(2, 7, 11), head_filters=8, aspp_rates=(2,)
)
SEPARABLE = dataclasses.replace(OPTIONS, separable_head=True)
PATH = (0, 1, 2, 1)
CELL = (
  (('prev', 'sep_conv_3x3'), ('prev_prev', 'atrous_conv_3x3')),
  (('prev_prev', 'skip_connect'), ('block_0', 'max_pool_3x3')),
  (('block_0', 'sep_conv_3x3'), ('block_1', 'avg_pool_3x3')),
)


def network(genotype, width=2, options=OPTIONS, seed=0):
  """One whose every variable has a value of its own, statistics too."""
  tf.keras.utils.set_random_seed(seed)
  space = search_space.SearchSpace.containing(genotype, width)
  made = network_lib.DerivedNetwork(space, genotype, 3, options)
  rng = np.random.default_rng(seed)
  for layer in made.submodules:
    if isinstance(layer, tf.keras.layers.BatchNormalization):
      layer.gamma.assign(rng.uniform(0.5, 1.5, layer.gamma.shape))
      layer.beta.assign(rng.normal(size=layer.beta.shape))
      layer.moving_mean.assign(0.1 * rng.normal(size=layer.beta.shape))
      layer.moving_variance.assign(rng.uniform(0.5, 1.5, layer.beta.shape))
  logits = made.logits.kernel
  logits.assign(rng.normal(size=logits.shape))
  return made


def genotype(cell=CELL, path=PATH):
  return genotype_lib.Genotype(path, cell)


def changed(old, new, cell=CELL):
  """The cell with another primitive wherever there was a certain one."""
  return tuple(
    tuple((source, new if name == old else name) for source, name in block)
    for block in cell
  )


def difference(parent, child):
  """The largest of all logits, by their standard deviation.

  In training a hundredth counts: batch norm magnifies the rounding of channels
  that hardly vary, by as much as 1 / sqrt(epsilon) = 316.
  """
  rng = np.random.default_rng(9)
  images = tf.constant(rng.uniform(0, 255, [1, 17, 33, 3]), tf.float32)
  found = []
  for training in (False, True):
    with step_random.nothing_dropped():
      a, b = (n(images, training=training) for n in (parent, child))
    unit = tf.math.reduce_std(a) * (100 if training else 1)
    found.append(float(tf.reduce_max(abs(a - b)) / unit))
  return max(found)


def inherited(parent, genotype_, width=2, options=OPTIONS):
  """A child of another seed, and what is said to be approximate."""
  child = network(genotype_, width, options, seed=1)
  assert difference(parent, child) > 0.1
  rng = np.random.default_rng(2)
  return child, inheritance.inherit(parent, child, rng)


@pytest.mark.parametrize(
  'width, options, filters',
  [
    (3, OPTIONS, {}),
    (4.25, OPTIONS, {}),
    (3, SEPARABLE, {}),
    (2, OPTIONS, {'stem_filters': (5, 7, 12), 'head_filters': 11}),
    (3, SEPARABLE, {'stem_filters': (2, 9, 11), 'head_filters': 40}),
  ],
)
def test_a_wider_child_computes_what_its_parent_does(width, options, filters):
  parent = network(genotype(), 2, options)
  options = dataclasses.replace(options, **filters)
  child, approximate = inherited(parent, genotype(), width, options)
  assert approximate == []
  assert difference(parent, child) < 1e-5


@pytest.mark.parametrize('num_blocks', [1, 2])
def test_so_it_does_where_nothing_projects_what_is_two_layers_before(
  num_blocks,
):
  """Its channels are then those of a state, copies of copies included."""
  cell = CELL[:num_blocks]
  path = {1: (0, 0, 0), 2: (0, 0, 1)}[num_blocks]
  parent = network(genotype(cell, path), 2)
  assert any(each.prev_prev is None for each in parent.cells)
  child, approximate = inherited(parent, genotype(cell, path), 5)
  assert [c.prev_prev is None for c in parent.cells] == [
    c.prev_prev is None for c in child.cells
  ]
  assert approximate == []
  assert difference(parent, child) < 1e-5


@pytest.mark.parametrize(
  'old, new',
  [
    ('sep_conv_3x3', 'sep_conv_5x5'),
    ('sep_conv_3x3', 'sep_conv_7x7'),
    ('atrous_conv_3x3', 'atrous_conv_5x5'),
    ('dil_conv_3x3', 'dil_conv_5x5'),
    ('none', 'sep_conv_3x3'),
    ('none', 'atrous_conv_5x5'),
  ],
)
@pytest.mark.parametrize('width', [3])
def test_a_larger_window_or_a_new_branch_keeps_the_function(old, new, width):
  """At strides of 1 and 2, and wider besides."""
  for place in ('atrous_conv_3x3',):
    cell = changed(place, old)
    parent = network(genotype(cell))
    child, approximate = inherited(
      parent, genotype(changed(old, new, cell)), width
    )
    assert approximate == []
    assert difference(parent, child) < 1e-5


def test_a_narrower_child_keeps_the_channels_of_the_largest_scales():
  parent = network(genotype(), 4)
  child, approximate = inherited(parent, genotype(), 2)
  assert approximate == ['fewer channels']
  assert difference(parent, child) > 1e-3
  ours = child.cells[0].prev.norm.gamma.numpy()
  theirs = parent.cells[0].prev.norm.gamma.numpy()
  places = [int(np.flatnonzero(theirs == value)[0]) for value in ours]
  units = [parent.cells[0].prev] + [
    op.units[-1] for ops in parent.cells[0].ops for op in ops if op.units
  ]
  scales = sum(np.abs(unit.norm.gamma.numpy()) for unit in units)
  assert set(places) == set(np.argsort(-scales)[:2])


def test_a_narrower_stem_and_head_keep_theirs_too():
  parent = network(genotype(), 2, SEPARABLE)
  narrow = dataclasses.replace(
    SEPARABLE, stem_filters=(2, 3, 6), head_filters=4
  )
  child, approximate = inherited(parent, genotype(), 2, narrow)
  assert approximate == [
    'fewer channels of the stem',
    'fewer channels of the head',
  ]
  for theirs, ours in zip(_units(parent), _units(child)):
    theirs, ours = (np.abs(each.norm.gamma.numpy()) for each in (theirs, ours))
    assert set(ours) == set(np.sort(theirs)[-len(ours) :])


def test_a_narrower_stem_and_head_without_channels_of_zeros_compute_the_same():
  parent = network(genotype())
  for unit in _units(parent):
    scales = unit.norm.gamma.numpy()
    silent = np.argsort(np.abs(scales))[: len(scales) // 2, np.newaxis]
    for values in (unit.norm.gamma, unit.norm.beta):
      values.scatter_nd_update(silent, np.zeros(len(silent)))
  narrow = dataclasses.replace(OPTIONS, stem_filters=(1, 4, 6), head_filters=4)
  child, _ = inherited(parent, genotype(), 2, narrow)
  assert difference(parent, child) < 1e-5


def _units(made):
  """The convolutions of stem and head that have channels of their own."""
  head = [
    made.aspp.pooled,
    *made.aspp.branches,
    made.aspp.projection,
    made.decoder.low_level,
    *made.decoder.convs,
  ]
  return [*made.stem, *(conv.units[-1] for conv in head)]


def test_a_convolution_in_the_place_of_a_skip_begins_as_its_positive_part():
  cell = ((('prev', 'sep_conv_3x3'), ('prev_prev', 'skip_connect')),)
  parent = network(genotype(cell, (0,)))
  child, _ = inherited(
    parent, genotype(changed('skip_connect', 'sep_conv_5x5', cell), (0,))
  )
  x = tf.constant(
    np.random.default_rng(0).normal(size=[1, 9, 9, 2]), tf.float32
  )
  names = [term.primitive for term in child.genotype.cell[0]]
  op = child.cells[0].ops[0][names.index('sep_conv_5x5')]
  np.testing.assert_allclose(op(x), tf.nn.relu(x), atol=1e-6)


def test_copies_of_a_channel_learn_apart():
  """Equal ones with equal gradients would stay one channel for ever."""
  parent = network(genotype(), 2)
  child, _ = inherited(parent, genotype(), 4)
  kernel = child.cells[0].prev.convs[0].kernel
  images = tf.random.stateless_uniform([2, 33, 33, 3], [1, 2], 0, 255)
  with tf.GradientTape() as tape:
    loss = tf.reduce_mean(tf.square(child(images, training=True)))
  gradient = tape.gradient(loss, kernel).numpy()[0, 0]
  values = kernel.numpy()[0, 0]
  # Columns of copies are equal, their gradients are not.
  pairs = [
    (i, j)
    for i in range(4)
    for j in range(i)
    if np.array_equal(values[:, i], values[:, j])
  ]
  assert pairs
  for i, j in pairs:
    assert (
      abs(gradient[:, i] - gradient[:, j]).max() > 1e-3 * abs(gradient).max()
    )


def test_blocks_are_found_again_wherever_the_genotype_put_them():
  child = genotype(changed('max_pool_3x3', 'sep_conv_5x5'))
  found = inheritance.align(genotype().cell, child.cell)
  for index, (block, terms) in enumerate(zip(*found)):
    for ours, theirs in enumerate(terms):
      before = genotype().cell[block][theirs].primitive
      after = child.cell[index][ours].primitive
      assert after == before or after == 'sep_conv_5x5'


@pytest.mark.parametrize(
  'other, sentence',
  [
    ({'path': (0, 1, 1)}, 'layers'),
    ({'options': SEPARABLE}, 'options'),
    ({'options': dataclasses.replace(OPTIONS, aspp_rates=(3,))}, 'options'),
    ({'cell': CELL[:2]}, '3 blocks and the child 2'),
  ],
)
def test_networks_of_other_spaces_are_refused(other, sentence):
  options = other.get('options', OPTIONS)
  made = network(
    genotype(other.get('cell', CELL), other.get('path', PATH)), options=options
  )
  with pytest.raises(ValueError, match=sentence):
    inheritance.inherit(network(genotype()), made, np.random.default_rng(0))
