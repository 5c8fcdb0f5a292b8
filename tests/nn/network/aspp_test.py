"""ASPP of derived networks, and the heads of the supernet."""

import numpy as np
import pytest
import tensorflow as tf

from deeplab_nas.nn.network import aspp
from deeplab_nas.nn.supernet import resample
from tests.nn import bfloat16, closeness, plain


def test_summing_at_the_finest_stride_equals_summing_whole_images():
  sizes = {4: (17, 33), 8: (9, 17), 16: (5, 9), 32: (3, 5)}
  logits = [
    tf.random.stateless_normal([2, *size, 3], [stride, 0])
    for stride, size in sizes.items()
  ]
  expected = tf.add_n([resample.resize(x, (65, 129)) for x in logits])
  actual = aspp.summed(logits, (65, 129))
  np.testing.assert_allclose(actual, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
  ('stride', 'rate'), [(4, 24), (8, 12), (16, 6), (32, 3)]
)
def test_three_branches_and_the_rate_of_the_stride(stride, rate):
  head = aspp.SearchASPP(stride, filters=8, num_classes=5)
  assert head(tf.ones([1, 9, 9, 6])).shape == (1, 9, 9, 5)
  assert head.atrous.conv.dilation_rate == (rate, rate)
  assert head.point.conv.kernel.shape == (1, 1, 6, 8)
  assert head.pooled.conv.kernel.shape == (1, 1, 6, 8)
  assert head.logits.kernel.shape == (1, 1, 24, 5)


def test_image_pooling_reaches_every_pixel():
  head = aspp.SearchASPP(4, filters=16, num_classes=1)
  x = tf.Variable(tf.random.stateless_uniform([1, 65, 65, 3], [1, 1]))
  with tf.GradientTape() as tape:
    corner = head(x)[0, 0, 0, 0]
  gradient = tape.gradient(corner, x).numpy()
  assert np.count_nonzero(gradient[0, 40:, 40:]) > 0


@bfloat16.needed
def test_bfloat16_sums_all_pixels_of_a_head_in_float32():
  """Its own mean is a fifth off at this size, the bias's gradient more."""
  exact = aspp.SearchASPP(32, filters=4, num_classes=3, dtype='float32')
  mixed = aspp.SearchASPP(32, filters=4, num_classes=3, dtype='mixed_bfloat16')
  x = tf.random.stateless_uniform([2, 81, 81, 4], [1, 1])
  x = tf.cast(x, tf.bfloat16)
  outcomes = []
  for head in (exact, mixed):
    head.build(x.shape)
    head.set_weights(exact.get_weights())
    with tf.GradientTape() as tape:
      logits = head(tf.cast(x, head.compute_dtype))
      loss = tf.reduce_mean(tf.square(logits - 1))
    assert logits.dtype == tf.float32
    outcomes.append([logits, *tape.gradient(loss, head.trainable_variables)])
  closeness.assert_close(outcomes[1], outcomes[0], tolerance=0.03)


def build(rates=(1, 2), separable=False, norm=None, channels=3):
  layer = aspp.ASPP(rates, separable, norm, progress=tf.Variable(0.5))
  layer(tf.zeros([1, 2, 2, channels]))
  return layer


@pytest.mark.parametrize('rates', [(), (2,), (1, 2, 4)])
@pytest.mark.parametrize('separable', [False, True])
@pytest.mark.parametrize('size', [(9, 7), (1, 1)])
def test_aspp_joins_image_pooling_a_point_and_all_rates_in_order(
  rates, separable, size
):
  layer = build(rates, separable, plain.norm_factory(epsilon=1e-5))
  plain.randomize(layer)
  x = plain.images(2, *size, 3)

  def conv(x, head_conv, rate=1):
    for unit in head_conv.units:
      x = tf.nn.relu(plain.unit(x, unit, rate=rate))
      rate = 1
    return x

  pooled = conv(
    tf.constant(x.numpy().mean((1, 2), keepdims=True)), layer.pooled
  )
  branches = [plain.resize(pooled, *size), conv(x, layer.branches[0])]
  for rate, branch in zip(rates, layer.branches[1:]):
    branches.append(conv(x, branch, rate))
    assert len(branch.units) == (2 if separable else 1)
  expected = conv(tf.concat(branches, -1), layer.projection)
  assert expected.shape == (2, *size, aspp.FILTERS)
  closeness.assert_close([layer(x)], [expected])


@pytest.mark.parametrize('separable', [False, True])
def test_aspp_has_3x3_windows_at_the_rates_it_is_given(separable):
  layer = build((3, 5), separable)
  first = [branch.units[0].convs[0] for branch in layer.branches]
  windows = [(conv.kernel_size[0], conv.dilation_rate[0]) for conv in first]
  assert windows == [(1, 1), (3, 3), (3, 5)]
  (projection,) = layer.projection.units[0].convs
  kernel, _ = projection.get_weights()
  assert kernel.shape == (1, 1, 4 * 256, 256)


def test_aspps_image_pooling_reaches_every_pixel():
  layer = build(rates=(1,))
  x = tf.Variable(plain.images(1, 9, 9, 3))
  with tf.GradientTape() as tape:
    corner = tf.reduce_sum(layer(x)[0, 0, 0])
  gradient = tape.gradient(corner, x).numpy()[0]
  assert np.all(np.any(gradient != 0, axis=-1))
  # Only through the mean do pixels beyond the window of 3 x 3 come in.
  np.testing.assert_allclose(
    gradient[2:], np.broadcast_to(gradient[8, 8], [7, 9, 3]), rtol=1e-5
  )


def test_aspps_dropout_is_a_tenth_and_only_in_training():
  layer = build()
  tf.random.set_seed(0)
  x = plain.images(4, 9, 9, 3)
  exact = layer(x).numpy()
  np.testing.assert_array_equal(layer(x), exact)
  dropped = layer(x, training=True).numpy()[exact > 0]
  kept = dropped > 0
  np.testing.assert_allclose(
    dropped[kept], exact[exact > 0][kept] / 0.9, rtol=1e-5
  )
  deviation = np.sqrt(0.1 * 0.9 / kept.size)
  assert abs(kept.mean() - 0.9) < 5 * deviation


@pytest.mark.parametrize('separable', [False, True])
def test_aspps_batch_norms_are_told_of_training(separable):
  layer = build((1, 2), separable, plain.norm_factory(momentum=0.5))
  layer(plain.images(4, 5, 5, 3), training=True)
  norms = plain.norms(layer)
  assert len(norms) == (7 if separable else 5)
  for norm in norms:
    assert np.any(norm.moving_mean.numpy() != 0), norm.name
