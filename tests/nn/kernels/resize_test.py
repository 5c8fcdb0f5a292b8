"""Bilinear resizing with aligned corners."""

import numpy as np
import pytest
import tensorflow as tf

from deeplab_nas.nn.kernels import resize


def test_corners_are_aligned():
  x = tf.random.stateless_normal([2, 5, 5, 6], [1, 2])
  y = resize.bilinear(x, (17, 17))
  np.testing.assert_allclose(y[:, ::4, ::4], x, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize('dtype', [tf.float32, tf.bfloat16])
def test_the_type_stays_and_an_equal_size_changes_nothing(dtype):
  x = tf.cast(tf.random.stateless_normal([1, 3, 5, 2], [1, 2]), dtype)
  assert resize.bilinear(x, (5, 9)).dtype == dtype
  assert resize.bilinear(x, (3, 5)) is x
