"""One hypernetwork gives weights to every architecture of a space."""

import numpy as np
import pytest
import tensorflow as tf

from deeplab_nas.nn.hypernetwork import hypernetwork
from deeplab_nas.nn.network import conv_norm
from deeplab_nas.nn.network import network as network_lib
from deeplab_nas.search.trials import neighbours
from deeplab_nas.space import cell_space, lattice, primitives, search_space

# Pools, skips, and both kinds of convolutions.
SPACE = search_space.SearchSpace(
  cell_space.CellSpace(1, primitives.PRIMITIVES[1:7:2]), lattice.Lattice(2)
)
EVERY = tuple(neighbours.every(SPACE))


def build(genotype, filters=3.0, seed=0, **options):
  tf.keras.utils.set_random_seed(seed)
  options = {'stem_filters': (4, 4, 8), 'head_filters': 8, **options}
  return network_lib.build_network(
    genotype, filters, 3, aspp_rates=(2,), separable_head=True, **options
  )


@pytest.fixture(scope='module')
def made():
  template = build(EVERY[0])
  return hypernetwork.Hypernetwork(SPACE, template, 8, 16, 2)


def images(seed=0):
  return tf.random.stateless_uniform([2, 33, 33, 3], [seed, 0], 0, 255)


def units_of(network):
  return [x for x in network.submodules if isinstance(x, conv_norm.ConvNorm)]


def sizes(unit):
  """Numbers of each kernel, scale and offset."""
  found = [c.trainable_weights[0].shape.num_elements() for c in unit.convs]
  channels = unit.norm.gamma.shape.num_elements()
  return [*found, channels, channels]


@pytest.mark.slow
def test_architectures_get_weights_of_their_shapes(made):
  assert len(EVERY) > 30
  for number, genotype in enumerate(EVERY[::4]):
    model = made.attach(build(genotype, 1 + number % 5))
    model.predict()
    shared = {
      id(unit)
      for unit in [
        *model.network.stem,
        *model.network.aspp.projection.units,
        *(u for conv in model.network.decoder.convs for u in conv.units),
      ]
    }
    units = {id(u): u for u in units_of(model.network) if id(u) not in shared}
    assert model.weights.keys() == units.keys()
    for key, weights in model.weights.items():
      assert [w.shape.num_elements() for w in weights] == sizes(units[key])


def test_architectures_that_differ_have_weights_that_do(made):
  """Also in a unit that all have: the head knows of all layers."""
  found = []
  for genotype in EVERY[::6]:
    model = made.attach(build(genotype))
    model.predict()
    (unit,) = model.network.aspp.pooled.units
    kernel = model.weights[id(unit)][0].numpy().reshape([-1, unit.filters])
    found.append(kernel[:3] * np.sqrt(len(kernel)))  # fan-in is no difference
  apart = [np.abs(a - b).max() for i, a in enumerate(found) for b in found[:i]]
  assert min(apart) > 1e-4


@pytest.mark.parametrize('number', [3, len(EVERY) - 1])
def test_a_network_computes_what_its_own_layers_do_with_these_weights(
  made, number
):
  model = made.attach(build(EVERY[number]))
  model.predict()
  for unit in units_of(model.network):
    if id(unit) in model.weights:
      *kernels, gamma, beta = model.weights[id(unit)]
      for conv, kernel in zip(unit.convs, kernels):
        variable = conv.trainable_weights[0]
        variable.assign(tf.reshape(kernel, variable.shape))
      unit.norm.gamma.assign(gamma)
      unit.norm.beta.assign(beta)
  given = model(images(), training=False)
  own = model.network(images(), training=False)
  np.testing.assert_allclose(given, own, rtol=1e-4, atol=1e-5)


def test_a_gradient_reaches_every_variable(made):
  """Over some architectures, which have all primitives and levels."""
  variables = made.trainable_variables
  names = [variable.name for variable in variables]
  assert any('stem_0' in name for name in names)
  assert any('logits' in name for name in names)
  total = [np.zeros(variable.shape) for variable in variables]
  for number in (0, 7, 19, len(EVERY) - 1):
    model = made.attach(build(EVERY[number]))
    with tf.GradientTape() as tape:
      model.predict()
      logits = model(images(number), training=True)
      loss = tf.reduce_mean(tf.nn.log_softmax(logits)[..., 0])
    for row, slope in zip(total, tape.gradient(loss, variables)):
      row += 0 if slope is None else np.abs(tf.convert_to_tensor(slope))
  # Chunks beyond the narrow network's channels have no part in it.
  assert [n for n, x in zip(names, total) if not x.any()] == []


def test_all_architectures_share_stem_and_logits(made):
  first, second = (made.attach(build(EVERY[i])).network for i in (0, 5))
  assert first.stem[0] is second.stem[0]
  assert first.logits is second.logits
  assert first.aspp.pooled is not second.aspp.pooled
