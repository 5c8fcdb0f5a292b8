"""A unit with another one's weights computes the same, by NumPy alone."""

import numpy as np
import pytest
import tensorflow as tf

from deeplab_nas.nn.network import conv_norm, morphisms, variables


def unit(filters, channels, size=3, kind='full', seed=0):
  tf.keras.utils.set_random_seed(seed)
  made = conv_norm.ConvNorm(
    filters, size, kind=kind, norm=tf.keras.layers.BatchNormalization
  )
  variables.create(made, channels)
  rng = np.random.default_rng(seed)
  for variable in made.norm.variables:
    variable.assign(rng.uniform(0.5, 1.5, variable.shape))
  return made


@pytest.mark.parametrize('kind', conv_norm.KINDS)
@pytest.mark.parametrize('size', [3, 5])
def test_copies_of_channels_and_zeros_around_a_window_change_nothing(
  kind, size
):
  rng = np.random.default_rng(0)
  given = morphisms.wider(3, 5, rng)
  made = given if kind == 'depthwise' else morphisms.wider(4, 7, rng)
  parent = unit(4, 3, 3, kind)
  child = unit(len(made), 5, size, kind, seed=1)
  morphisms.inherit(parent, child, given, made, rng)
  x = rng.normal(size=[2, 7, 9, 3]).astype(np.float32)
  y = parent(tf.constant(x)).numpy()
  found = child(tf.constant(x[..., given])).numpy()
  np.testing.assert_allclose(found, y[..., made], atol=1e-5)


def test_all_channels_come_first_and_copies_are_of_any():
  found = morphisms.wider(4, 400, np.random.default_rng(0))
  np.testing.assert_array_equal(found[:4], range(4))
  assert set(found[4:]) == set(range(4))


def test_the_channels_of_the_largest_scales_are_kept_in_order():
  first, second = unit(4, 3), unit(4, 3)
  first.norm.gamma.assign([1.0, -5.0, 0.0, 2.0])
  second.norm.gamma.assign([3.0, 0.0, 0.5, 0.0])
  found = morphisms.most_important([first, second], 4, 2)
  np.testing.assert_array_equal(found, [0, 1])
  np.testing.assert_array_equal(morphisms.most_important([], 4, 2), [0, 1])


def test_a_smaller_window_is_the_middle_of_the_larger():
  parent, child = unit(2, 2, 5), unit(2, 2, 3, seed=1)
  same = np.arange(2)
  morphisms.inherit(parent, child, same, same, np.random.default_rng(0))
  np.testing.assert_allclose(
    child.convs[0].kernel, parent.convs[0].kernel[1:4, 1:4]
  )


@pytest.mark.parametrize('kind', conv_norm.KINDS)
def test_an_identity_gives_its_input(kind):
  same = np.arange(3)
  made = unit(3, 3, 5, kind)
  morphisms.make_identity(made, same, same)
  x = tf.constant(np.random.default_rng(0).normal(size=[1, 6, 6, 3]))
  np.testing.assert_allclose(made(tf.cast(x, tf.float32)), x, atol=1e-6)


def test_what_is_silent_gives_zeros_and_learns():
  made = unit(3, 2)
  morphisms.silence(made)
  x = tf.random.stateless_uniform([1, 5, 5, 2], [1, 2])
  with tf.GradientTape() as tape:
    y = made(x, training=True)
    loss = tf.reduce_sum(y * tf.cos(10 * x[..., :1]))
  assert not y.numpy().any()
  assert tape.gradient(loss, made.norm.gamma).numpy().any()
