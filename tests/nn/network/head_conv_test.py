"""Convolution, batch norm, ReLU: once, or once for each part."""

import numpy as np
import pytest
import tensorflow as tf

from deeplab_nas.nn.network import head_conv, winograd
from tests.nn import closeness, plain

CHANNELS = 4


def build(filters=5, **settings):
  conv = head_conv.HeadConv(filters, **settings)
  conv(tf.zeros([1, 9, 9, CHANNELS]))
  return conv


@pytest.mark.parametrize('kernel_size, rate', [(1, 1), (3, 1), (3, 2), (3, 4)])
@pytest.mark.parametrize('has_norm', [True, False])
def test_a_full_one_is_a_unit_and_relu(kernel_size, rate, has_norm):
  norm = plain.norm_factory(epsilon=1e-5) if has_norm else None
  conv = plain.randomize(build(kernel_size=kernel_size, rate=rate, norm=norm))
  (unit,) = conv.units
  x = plain.images(2, 9, 7, CHANNELS)
  y = conv(x)
  assert y.shape == (2, 9, 7, 5) and np.any(y == 0)
  closeness.assert_close([y], [tf.nn.relu(plain.unit(x, unit, rate=rate))])


@pytest.mark.parametrize('rate', [1, 2, 4])
@pytest.mark.parametrize('has_norm', [True, False])
def test_a_separable_one_has_norm_and_relu_after_both_parts(rate, has_norm):
  norm = plain.norm_factory(epsilon=1e-5) if has_norm else None
  conv = plain.randomize(
    build(kernel_size=3, rate=rate, separable=True, norm=norm)
  )
  depthwise, pointwise = conv.units
  assert [unit.kind for unit in conv.units] == ['depthwise', 'full']
  assert len(plain.norms(conv)) == (2 if has_norm else 0)
  assert pointwise.convs[0].get_weights()[0].shape == (1, 1, CHANNELS, 5)
  x = plain.images(2, 9, 7, CHANNELS)
  between = tf.nn.relu(plain.unit(x, depthwise, rate=rate))
  assert np.any(between == 0)
  expected = tf.nn.relu(plain.unit(between, pointwise))
  closeness.assert_close([conv(x)], [expected])


@pytest.mark.parametrize(
  'settings, expected',
  [
    ({'kernel_size': 3}, ['winograd']),
    ({'kernel_size': 1}, ['conv_norm']),
    ({'kernel_size': 3, 'separable': True}, ['conv_norm', 'conv_norm']),
  ],
)
def test_winograds_algorithm_is_for_full_kernels(settings, expected):
  conv = build(winograd=True, **settings)
  found = [
    'winograd' if isinstance(unit.convs[0], winograd.Conv2D) else 'conv_norm'
    for unit in conv.units
  ]
  assert found == expected


@pytest.mark.parametrize('separable', [False, True])
def test_training_reaches_the_batch_norm(separable):
  conv = build(
    kernel_size=3, separable=separable, norm=plain.norm_factory(momentum=0.5)
  )
  conv(plain.images(2, 9, 9, CHANNELS), training=True)
  for norm in plain.norms(conv):
    assert np.all(norm.moving_variance.numpy() != 1)


def test_a_full_kernel_starts_as_glorot_and_bengio_have_it():
  conv = head_conv.HeadConv(64, 3)
  conv(tf.zeros([1, 1, 1, 128]))
  kernel = conv.units[0].convs[0].get_weights()[0]
  limit = np.sqrt(6 / (9 * (128 + 64)))
  assert 0.99 * limit < np.abs(kernel).max() <= limit
  assert np.std(kernel) == pytest.approx(limit / np.sqrt(3), rel=0.02)


def test_separable_kernels_start_normal_and_cut_at_two_deviations():
  conv = head_conv.HeadConv(64, 3, separable=True)
  conv(tf.zeros([1, 1, 1, 1024]))
  # Cut so, a normal distribution has 0.8796 of its deviation.
  for unit, deviation in zip(conv.units, (0.33, 0.06)):
    kernel = unit.convs[0].get_weights()[0]
    assert 1.9 * deviation < np.abs(kernel).max() <= 2 * deviation
    assert np.std(kernel) == pytest.approx(0.8796 * deviation, rel=0.03)
