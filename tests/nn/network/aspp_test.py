"""ASPP: image pooling, a point and all rates, joined."""

import numpy as np
import pytest
import tensorflow as tf

from deeplab_nas.nn.network import aspp
from deeplab_nas.space import widths
from tests.nn import closeness, plain


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
  assert expected.shape == (2, *size, widths.HEAD_FILTERS)
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
def test_training_reaches_the_batch_norms(separable):
  layer = build((1, 2), separable, plain.norm_factory(momentum=0.5))
  layer(plain.images(4, 5, 5, 3), training=True)
  norms = plain.norms(layer)
  assert len(norms) == (7 if separable else 5)
  for norm in norms:
    assert np.any(norm.moving_mean.numpy() != 0), norm.name
