"""A unit is a convolution, then batch norm."""

import numpy as np
import pytest
import tensorflow as tf

from deeplab_nas.nn.network import conv_norm, winograd
from tests.nn import closeness, plain

CHANNELS = 4
# Kernel size, strides, rate.
WINDOWS = [(1, 1, 1), (1, 2, 1), (3, 1, 1), (3, 2, 1), (5, 2, 1), (3, 1, 2)]


def build(kind='full', window=(3, 1, 1), norm=None, filters=3):
  unit = conv_norm.ConvNorm(
    CHANNELS if kind == 'depthwise' else filters, *window, kind=kind, norm=norm
  )
  unit(tf.zeros([1, 9, 9, CHANNELS]))
  return unit


@pytest.mark.parametrize('kind', conv_norm.KINDS)
@pytest.mark.parametrize('window', WINDOWS)
def test_inference_is_the_convolution_then_an_affine_map(kind, window):
  unit = build(kind, window, plain.norm_factory(epsilon=0.1))
  plain.randomize(unit)
  x = plain.images(2, 9, 7, CHANNELS)
  y = unit(x)
  strides = window[1]
  assert y.shape == (2, 8 // strides + 1, 6 // strides + 1, unit.filters)
  closeness.assert_close([y], [plain.unit(x, unit, *window[1:])])


@pytest.mark.parametrize('kind', conv_norm.KINDS)
def test_without_norm_the_last_convolution_has_the_only_bias(kind):
  unit = build(kind, (3, 1, 2))
  assert unit.norm is None and not plain.norms(unit)
  *before, last = unit.convs
  assert [conv.use_bias for conv in before] == [False] * len(before)
  assert last.use_bias
  kernel, bias = last.get_weights()
  last.set_weights([kernel, np.arange(1.0, 1 + len(bias))])
  x = plain.images(2, 9, 7, CHANNELS)
  closeness.assert_close([unit(x)], [plain.unit(x, unit, rate=2)])
  closeness.assert_close(
    [unit(tf.zeros_like(x))[0, 0, 0]], [np.arange(1.0, 1 + len(bias))]
  )


def operations(unit):
  traced = tf.function(lambda x: unit(x)).get_concrete_function(
    tf.TensorSpec([None, None, None, CHANNELS])
  )
  return [op.type for op in traced.graph.get_operations()]


def test_for_inference_an_atrous_convolution_is_one_operation():
  trained = operations(build('full', (3, 1, 2), plain.norm_factory()))
  assert 'SpaceToBatchND' in trained  # which has a gradient everywhere
  found = operations(build('full', (3, 1, 2)))
  assert found.count('Conv2D') == 1 and 'SpaceToBatchND' not in found


@pytest.mark.parametrize('rate', [2, 36])
def test_a_rate_may_reach_beyond_the_image(rate):
  unit = build('full', (3, 1, rate))
  x = plain.images(1, 5, 3, CHANNELS)
  closeness.assert_close([unit(x)], [plain.unit(x, unit, rate=rate)])


def test_a_convolution_may_be_computed_by_winograds_algorithm():
  unit, reference = (
    conv_norm.ConvNorm(3, 3, winograd=value) for value in (True, False)
  )
  x = plain.images(2, 9, 7, CHANNELS)
  unit(x), reference(x)
  kernel, _ = reference.convs[0].get_weights()
  bias = np.arange(3.0)
  reference.convs[0].set_weights([kernel, bias])
  unit.convs[0].set_weights([winograd.transform_kernel(kernel), bias])
  closeness.assert_close([unit(x)], [reference(x)], 1e-5)


@pytest.mark.parametrize(
  'kind, shapes',
  [
    ('full', [(3, 3, 4, 3)]),
    ('separable', [(3, 3, 4, 1), (1, 1, 4, 3)]),
    ('depthwise', [(3, 3, 4, 1)]),
  ],
)
def test_what_learns_is_the_kernels_and_two_numbers_a_channel(kind, shapes):
  unit = build(kind, norm=plain.norm_factory())
  learns = [tuple(v.shape) for v in unit.trainable_variables]
  assert sorted(learns) == sorted(shapes + [(unit.filters,)] * 2)
  fixed = [v.name.split('/')[-1] for v in unit.non_trainable_variables]
  assert sorted(fixed) == ['moving_mean:0', 'moving_variance:0']


@pytest.mark.parametrize('kind', conv_norm.KINDS)
@pytest.mark.parametrize('k', range(4))
def test_a_stride_takes_every_other_pixel_from_the_corner_on(kind, k):
  unit = build(kind, (3, 2, 1), filters=CHANNELS)
  centre = np.zeros([3, 3])
  centre[1, 1] = 1
  for conv in unit.convs:
    kernel = conv.get_weights()[0]
    if kernel.shape[:2] == (1, 1):
      kernel = np.eye(CHANNELS)[np.newaxis, np.newaxis]
    elif kernel.shape[3] == 1:
      kernel = centre[..., np.newaxis, np.newaxis] * np.ones([CHANNELS, 1])
    else:
      kernel = centre[..., np.newaxis, np.newaxis] * np.eye(CHANNELS)
    conv.set_weights([kernel] + conv.get_weights()[1:])
  x = plain.images(1, 2 * k + 1, 2 * k + 3, CHANNELS)
  y = unit(x)
  assert y.shape == (1, k + 1, k + 2, CHANNELS)
  np.testing.assert_allclose(y, x[:, ::2, ::2], rtol=1e-6)


def test_training_normalises_with_the_batch_and_moves_the_statistics():
  unit = build(norm=plain.norm_factory(epsilon=0.1, momentum=0.75))
  x = plain.images(4, 9, 7, CHANNELS)
  convolved = np.asarray(plain.conv(x, unit.convs[0].get_weights()[0]))
  mean, variance = convolved.mean((0, 1, 2)), convolved.var((0, 1, 2))
  y = unit(x, training=True)
  closeness.assert_close([y], [(convolved - mean) / np.sqrt(variance + 0.1)])
  np.testing.assert_allclose(
    unit.norm.moving_mean, 0.25 * mean, rtol=1e-3, atol=1e-6
  )
  count = convolved[..., 0].size
  np.testing.assert_allclose(
    unit.norm.moving_variance,
    0.75 + 0.25 * variance * count / (count - 1),  # Bessel's correction
    rtol=1e-4,
  )
  before = unit.norm.get_weights()
  unit(x)
  for old, new in zip(before, unit.norm.get_weights()):
    np.testing.assert_array_equal(old, new)


@pytest.mark.parametrize(
  'kind, fan_ins',
  [
    ('full', [9 * 256]),
    # All channels count for a depthwise kernel, as slim counts them.
    ('separable', [9 * 256, 256]),
    ('depthwise', [9 * 256]),
  ],
)
def test_kernels_start_uniform_with_variance_one_third_of_one_by_fan_in(
  kind, fan_ins
):
  unit = conv_norm.ConvNorm(64, 3, kind=kind)
  unit(tf.zeros([1, 1, 1, 256]))
  assert len(unit.convs) == len(fan_ins)
  for conv, fan_in in zip(unit.convs, fan_ins):
    kernel = conv.get_weights()[0] * np.sqrt(fan_in)
    assert 0.99 < np.abs(kernel).max() <= 1
    assert np.var(kernel) == pytest.approx(1 / 3, rel=0.1)
    assert abs(np.mean(kernel)) < 0.06


def test_an_unknown_kind_lists_the_known():
  with pytest.raises(
    ValueError, match="'pointwise', expected one of full, separable, depthwise"
  ):
    conv_norm.ConvNorm(3, 1, kind='pointwise')
