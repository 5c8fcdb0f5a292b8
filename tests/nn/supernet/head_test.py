"""The heads of the supernet: three branches, summed over strides."""

import numpy as np
import pytest
import tensorflow as tf

from deeplab_nas.nn.kernels import resize
from deeplab_nas.nn.supernet import head as head_lib
from tests.nn import bfloat16, closeness


def test_summing_at_the_finest_stride_equals_summing_whole_images():
  sizes = {4: (17, 33), 8: (9, 17), 16: (5, 9), 32: (3, 5)}
  logits = [
    tf.random.stateless_normal([2, *size, 3], [stride, 0])
    for stride, size in sizes.items()
  ]
  expected = tf.add_n([resize.bilinear(x, (65, 129)) for x in logits])
  actual = head_lib.summed(logits, (65, 129))
  np.testing.assert_allclose(actual, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
  ('stride', 'rate'), [(4, 24), (8, 12), (16, 6), (32, 3)]
)
def test_three_branches_and_the_rate_of_the_stride(stride, rate):
  head = head_lib.SearchASPP(stride, filters=8, num_classes=5)
  assert head(tf.ones([1, 9, 9, 6])).shape == (1, 9, 9, 5)
  assert head.atrous.conv.dilation_rate == (rate, rate)
  assert head.point.conv.kernel.shape == (1, 1, 6, 8)
  assert head.pooled.conv.kernel.shape == (1, 1, 6, 8)
  assert head.logits.kernel.shape == (1, 1, 24, 5)


def test_image_pooling_reaches_every_pixel():
  head = head_lib.SearchASPP(4, filters=16, num_classes=1)
  x = tf.Variable(tf.random.stateless_uniform([1, 65, 65, 3], [1, 1]))
  with tf.GradientTape() as tape:
    corner = head(x)[0, 0, 0, 0]
  gradient = tape.gradient(corner, x).numpy()
  assert np.count_nonzero(gradient[0, 40:, 40:]) > 0


@bfloat16.needed
def test_bfloat16_sums_all_pixels_of_a_head_in_float32():
  """Its own mean is a fifth off at this size, the bias's gradient more."""
  exact = head_lib.SearchASPP(32, filters=4, num_classes=3, dtype='float32')
  mixed = head_lib.SearchASPP(
    32, filters=4, num_classes=3, dtype='mixed_bfloat16'
  )
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
