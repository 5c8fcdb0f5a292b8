"""A cropped kernel computes the same on an image smaller than its window."""

import numpy as np
import pytest
import tensorflow as tf

from deeplab_nas.nn.kernels import atrous
from tests.nn import closeness

# Height, width, kernel size, rate -> size of what is left.
CASES = [
  ((1, 1), 3, 2, 1),
  ((1, 1), 5, 2, 1),
  ((2, 2), 5, 2, 1),
  ((2, 3), 5, 2, 3),
  ((3, 3), 5, 2, 3),
  ((4, 4), 5, 2, 3),
  ((5, 1), 5, 2, 5),
  ((3, 3), 3, 2, 3),
  ((2, 2), 5, 1, 3),
  ((4, 3), 7, 2, 3),
]


@pytest.mark.parametrize(('size', 'kernel_size', 'rate', 'left'), CASES)
@pytest.mark.parametrize('known', [True, False])
def test_values_and_gradients_stay(size, kernel_size, rate, left, known):
  rng = np.random.default_rng(kernel_size)
  x = tf.constant(rng.normal(size=(2, *size, 3)), tf.float32)
  kernel = tf.constant(
    rng.normal(size=(kernel_size, kernel_size, 3, 4)), tf.float32
  )
  weight = tf.constant(rng.normal(size=(2, *size, 4)), tf.float32)
  left_of = []

  def outcome(x, crop):
    with tf.GradientTape() as tape:
      tape.watch([x, kernel])
      used = atrous.cropped(kernel, x, rate) if crop else kernel
      left_of.append(used.shape)
      y = tf.nn.conv2d(x, used, 1, 'SAME', dilations=rate)
      objective = tf.reduce_sum(y * weight)
    return [y, *tape.gradient(objective, [x, kernel])]

  shape = x.shape if known else [None, None, None, 3]
  compiled = tf.function(
    lambda x: outcome(x, True), input_signature=[tf.TensorSpec(shape)]
  )
  actual = compiled(x)
  if not known:
    left = kernel_size
  assert left_of == [[left, left, 3, 4]]
  closeness.assert_close(actual, outcome(x, False))
