"""DeepLab's exclusions from weight decay, and its multiplier of biases."""

import re

import numpy as np
import pytest
import tensorflow as tf

from deeplab_nas.nn.network import network as network_lib
from deeplab_nas.train import variable_paths, weight_decay
from tests.train import tiny_training


@pytest.fixture(scope='module')
def network():
  return network_lib.build_network(
    tiny_training.GENOTYPE, 1, 3, aspp_rates=(2,), separable_head=True
  )


def test_kernels_decay_but_those_that_deeplab_leaves_out(network):
  paths = variable_paths.by_path(network)
  decayed = {path for path in paths if weight_decay.decays(path)}
  left_out = set(paths) - decayed
  assert all(path.endswith('kernel') for path in decayed)
  assert {'logits/kernel', 'stem/0/convs/0/kernel'} <= decayed
  assert any(re.match(r'cells/.*depthwise_kernel', path) for path in decayed)
  assert any(re.match(r'aspp/.*/kernel', path) for path in decayed)
  assert any(re.match(r'decoder/.*/kernel', path) for path in decayed)
  ends = {path.rsplit('/', 1)[-1] for path in left_out}
  assert ends == {
    'gamma',
    'beta',
    'moving_mean',
    'moving_variance',
    'bias',
    'depthwise_kernel',
    'drop_path_progress',
  }
  heads = {
    path.split('/')[0] for path in left_out if path.endswith('depthwise_kernel')
  }
  assert heads == {'aspp', 'decoder'}


def test_decay_is_added_and_biases_count_twice(network):
  variables = network.trainable_variables
  given = [tf.fill(v.shape, 0.5) for v in variables]
  finished = weight_decay.finished(network, given, variables, weight_decay=0.1)
  paths = {v.ref(): path for path, v in variable_paths.by_path(network).items()}
  biases = 0
  for variable, gradient in zip(variables, finished):
    path = paths[variable.ref()]
    expected = np.full(variable.shape, 0.5)
    if weight_decay.decays(path):
      expected = expected + 0.1 * np.array(variable)
    if path.endswith('bias'):
      biases += 1
      expected = 2 * expected
    np.testing.assert_allclose(gradient, expected, rtol=1e-6)
  assert biases == 1  # the logits' alone


def test_l2_is_the_gradient_of_half_the_squared_norm():
  w = tf.Variable([1.0, -2.0])
  with tf.GradientTape() as tape:
    loss = tf.reduce_sum(w**3) + 0.1 / 2 * tf.reduce_sum(w**2)
  expected = tape.gradient(loss, w)
  actual = weight_decay.add_l2(3 * w**2, w, 0.1)
  np.testing.assert_allclose(actual, expected, rtol=1e-6)
