"""ASPP's output and low-level features, joined."""

import numpy as np
import pytest
import tensorflow as tf

from deeplab_nas.nn.network import decoder
from tests.nn import closeness, plain

SEPARABLE = pytest.mark.parametrize('separable', [False, True])


def build(separable, norm=None):
  layer = decoder.Decoder(separable, norm, low_level_channels=5)
  layer(tf.zeros([1, 2, 2, 256]), tf.zeros([1, 3, 3, 5]))
  return layer


def by_hand(layer, x, low_level):
  low_level = tf.nn.relu(plain.unit(low_level, *layer.low_level.units))
  x = tf.concat([plain.resize(x, *low_level.shape[1:3]), low_level], -1)
  for conv in layer.convs:
    for unit in conv.units:
      x = tf.nn.relu(plain.unit(x, unit))
  return x


@SEPARABLE
@pytest.mark.parametrize(
  'size, low_level_size',
  [((3, 2), (9, 5)), ((5, 5), (5, 5)), ((1, 1), (3, 4)), ((2, 1), (1, 1))],
)
def test_it_is_resized_joined_and_convolved_twice(
  separable, size, low_level_size
):
  layer = plain.randomize(build(separable, plain.norm_factory(epsilon=1e-5)))
  x = plain.images(2, *size, 256)
  low_level = plain.images(2, *low_level_size, 5)
  y = layer(x, low_level)
  assert y.shape == (2, *low_level_size, 256)
  closeness.assert_close([y], [by_hand(layer, x, low_level)])


def test_low_level_features_get_48_channels_beside_256():
  layer = build(separable=False)
  kernels = [
    conv.units[0].convs[0].get_weights()[0].shape
    for conv in (layer.low_level, *layer.convs)
  ]
  assert kernels == [(1, 1, 5, 48), (3, 3, 304, 256), (3, 3, 256, 256)]


@SEPARABLE
def test_training_reaches_the_batch_norms(separable):
  layer = build(separable, plain.norm_factory(momentum=0.5))
  x, low_level = plain.images(2, 3, 3, 256), plain.images(2, 5, 5, 5)
  layer(x, low_level, training=True)
  assert len(plain.norms(layer)) == (5 if separable else 3)
  for norm in plain.norms(layer):
    assert np.all(norm.moving_mean.numpy() != 0)


def test_sizes_that_are_known_late_change_nothing():
  layer = build(separable=False)
  traced = tf.function(layer).get_concrete_function(
    tf.TensorSpec([None, None, None, 256]), tf.TensorSpec([None, None, None, 5])
  )
  x, low_level = plain.images(1, 2, 3, 256), plain.images(1, 3, 6, 5)
  closeness.assert_close([traced(x, low_level)], [layer(x, low_level)])
