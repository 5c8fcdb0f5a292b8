"""Variables made from shapes are those that a first call would have made."""

import functools

import numpy as np
import pytest
import tensorflow as tf

import deeplab_nas
from deeplab_nas.nn.network import (
  aspp,
  cell,
  conv_norm,
  decoder,
  drop_path,
  head_conv,
  variables,
)
from deeplab_nas.space import Genotype, zoo

BatchNorm = tf.keras.layers.BatchNormalization


def derived_cell(name):
  return cell.DerivedCell(
    zoo.load(name).cell,
    4,
    2,
    6,  # filters, strides, channels of H^{l-2}
    drop_path.ScheduledDropPath(1.0, tf.Variable(0.0)),
    BatchNorm,
    name='cell',
  )


# Makes a layer; the channels of its inputs.
LAYERS = {
  **{
    f'{kind} unit': (
      functools.partial(
        conv_norm.ConvNorm, 3, 3, kind=kind, norm=BatchNorm, name='unit'
      ),
      [3],
    )
    for kind in conv_norm.KINDS
  },
  'folded unit': (
    functools.partial(conv_norm.ConvNorm, 5, 3, name='unit'),
    [4],
  ),
  'winograd unit': (
    functools.partial(conv_norm.ConvNorm, 5, 3, winograd=True, name='unit'),
    [4],
  ),
  'separable head': (
    functools.partial(
      head_conv.HeadConv, 5, 3, separable=True, norm=BatchNorm, name='head'
    ),
    [4],
  ),
  'ASPP': (
    lambda: aspp.ASPP((1, 2), norm=BatchNorm, progress=tf.Variable(0.0)),
    [4],
  ),
  'decoder': (
    lambda: decoder.Decoder(norm=BatchNorm, low_level_channels=5),
    [256, 5],
  ),
  'published cell': (lambda: derived_cell('auto_deeplab'), [8, 6]),
  'PNASNet cell': (lambda: derived_cell('pnasnet5'), [8, 6]),
}


def named(layer):
  return {v.name: v.numpy() for v in layer.variables}


def seeded(make):
  tf.keras.utils.set_random_seed(1)
  return make()


@pytest.mark.parametrize('make, channels', LAYERS.values(), ids=LAYERS)
def test_names_values_and_order_are_those_of_a_first_call(make, channels):
  created = seeded(make)
  variables.create(created, channels[0])
  assert created.built
  called = seeded(make)
  called(*(tf.zeros([1, 5, 5, count]) for count in channels))
  ours, theirs = named(created), named(called)
  assert list(ours) == list(theirs) and len(ours) == len(created.variables) > 0
  for name, value in theirs.items():
    np.testing.assert_array_equal(ours[name], value, name)


@pytest.mark.parametrize(
  'options',
  [{}, {'separable_head': True}, {'fold_batch_norm': True}],
  ids=['full head', 'separable head', 'folded'],
)
def test_a_network_is_whole_before_it_is_called(options):
  genotype = Genotype((1, 0, 0), zoo.load('auto_deeplab').cell)
  model = deeplab_nas.build_network(genotype, 2, 3, **options)
  assert model.built
  before = [v.name for v in model.variables]
  assert model(tf.zeros([1, 33, 33, 3])).shape == (1, 33, 33, 3)
  assert [v.name for v in model.variables] == before
  assert 'network/cell_1/prev_prev/conv/kernel:0' in before


def test_a_seed_gives_the_weights_that_it_always_gave():
  """So that a run of an earlier version starts again as it started then."""
  genotype = Genotype((0, 1), zoo.load('auto_deeplab').cell)
  model = seeded(
    lambda: deeplab_nas.build_network(genotype, 2, 3, aspp_rates=(1,))
  )
  first = {v.name: float(np.ravel(v)[0]) for v in model.variables}
  expected = {
    'network/stem_0/conv/kernel:0': -0.09276101,
    'network/cell_0/prev_prev/conv/kernel:0': -0.0033125579,
    'network/cell_1/prev/conv/kernel:0': -0.17456467,
    'network/aspp/pooled/full/conv/kernel:0': -0.048587285,
    'network/decoder/conv_1/full/conv/kernel:0': 0.020860713,
    'network/logits/kernel:0': -0.0084357616,
  }
  for name, value in expected.items():
    assert first[name] == pytest.approx(value, rel=1e-6), name
