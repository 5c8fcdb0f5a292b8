"""Padding to k * stride + 1 pixels, known and unknown sizes alike."""

import numpy as np
import pytest
import tensorflow as tf

from deeplab_nas.nn.kernels import padding


@pytest.mark.parametrize(
  ('size', 'padded'),
  [(1, 33), (2, 33), (33, 33), (34, 65), (64, 65), (65, 65), (321, 321)],
)
@pytest.mark.parametrize('is_known', [True, False])
def test_pads_and_crops_back(size, padded, is_known):
  images = tf.random.stateless_uniform([2, size, 3, 4], [0, 1])
  spec = [2, size, 3, 4] if is_known else [None, None, None, 4]

  @tf.function(input_signature=[tf.TensorSpec(spec)])
  def pad(images):
    x = padding.pad(images, 32)
    return x, padding.size_at(x, 8), padding.crop(x, images)

  x, size_at_8, cropped = pad(images)
  assert x.shape == (2, padded, 33, 4)
  np.testing.assert_array_equal(size_at_8, [(padded - 1) // 8 + 1, 5])
  np.testing.assert_array_equal(cropped, images)
  np.testing.assert_array_equal(x[:, size:], 0)


def test_known_sizes_stay_known():
  x = padding.pad(tf.zeros([1, 40, 50, 3]), 32)
  assert x.shape == (1, 65, 65, 3)
  assert padding.size_at(x, 4) == (17, 17)
