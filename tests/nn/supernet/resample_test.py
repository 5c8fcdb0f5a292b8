"""Changes of stride and width on the lattice's edges."""

import numpy as np
import pytest
import tensorflow as tf

from deeplab_nas.nn.kernels import resize
from deeplab_nas.nn.supernet import resample


def images(size):
  return tf.random.stateless_normal([2, size, size, 6], [1, 2])


@pytest.mark.parametrize(
  ('strides', 'source', 'target'), [(2, 17, 9), (1, 17, 17), (1, 9, 17)]
)
def test_shape(strides, source, target):
  unit = resample.Resample(6, 4, strides)
  y = unit(images(source), tf.ones(unit.kernel_shape), (target, target))
  assert y.shape == (2, target, target, 4)


def test_to_half_the_stride_is_bilinear_then_convolution():
  unit = resample.Resample(6, 4)
  x, kernel = images(5), tf.random.stateless_normal([1, 1, 6, 4], [3, 4])
  resized = resize.bilinear(tf.nn.relu(x), (9, 9))
  expected = tf.nn.conv2d(resized, kernel, 1, 'SAME')
  np.testing.assert_allclose(
    unit(x, kernel, (9, 9)), expected, rtol=1e-4, atol=1e-5
  )


def test_to_twice_the_stride_reads_every_second_pixel():
  unit = resample.Resample(6, 6, strides=2)
  x = tf.abs(images(9))
  kernel = np.zeros([3, 3, 6, 6], np.float32)
  kernel[1, 1] = np.eye(6)
  np.testing.assert_allclose(
    unit(x, tf.constant(kernel), (5, 5)), x[:, ::2, ::2], rtol=1e-5
  )
