"""What Keras saves of a network comes back; or is refused."""

import copy

import numpy as np
import pytest
import tensorflow as tf

from deeplab_nas.nn.network import network as network_lib
from tests.serving import tiny

IMAGES = tiny.photo(33, 49)[np.newaxis].astype(np.float32)


@pytest.fixture(scope='module')
def network():
  return tiny.network()


def assert_equal(loaded, network):
  assert isinstance(loaded, network_lib.DerivedNetwork)
  assert loaded.genotype == network.genotype
  assert loaded.options == network.options
  np.testing.assert_array_equal(loaded(IMAGES), network(IMAGES))


@pytest.mark.parametrize(
  'name', ['model.keras', pytest.param('model', marks=pytest.mark.slow)]
)
def test_a_saved_model_is_loaded_as_it_was(network, tmp_path, name):
  network.save(tmp_path / name)
  loaded = tf.keras.models.load_model(tmp_path / name, compile=False)
  assert_equal(loaded, network)


@pytest.mark.parametrize('name', ['a.weights.h5', 'a.h5', 'a'])
def test_weights_come_back_in_every_format(network, tmp_path, name):
  network.save_weights(str(tmp_path / name))
  other = tiny.network(seed=1)
  other.load_weights(str(tmp_path / name))
  assert_equal(other, network)


def test_the_config_makes_the_same_network(network):
  made = network_lib.DerivedNetwork.from_config(network.get_config())
  assert [tuple(v.shape) for v in made.variables] == [
    tuple(v.shape) for v in network.variables
  ]
  assert_equal(copy.deepcopy(network), network)


def test_weights_of_another_network_are_refused(network, tmp_path):
  network.save_weights(str(tmp_path / 'a.weights.h5'))
  other = network_lib.build_network(tiny.GENOTYPE, 2, 3, aspp_rates=(1, 2))
  with pytest.raises(ValueError, match='are of another network'):
    other.load_weights(str(tmp_path / 'a.weights.h5'))
