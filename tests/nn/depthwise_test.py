"""The depthwise convolution equals TensorFlow's, gradients included."""

import numpy as np
import pytest
import tensorflow as tf

from deeplab_nas.nn import depthwise, fused_cell
from tests.nn import closeness


@pytest.mark.parametrize('rate', [1, 2])
@pytest.mark.parametrize('kernel_size', [3, 5])
@pytest.mark.parametrize('known_size', [True, False])
def test_equals_tensorflow(kernel_size, rate, known_size):
  rng = np.random.default_rng(kernel_size)
  x = tf.constant(rng.normal(size=(3, 10, 7, 4)), tf.float32)
  kernel = tf.constant(
    rng.normal(size=(kernel_size, kernel_size, 4, 1)), tf.float32
  )
  weight = tf.constant(rng.normal(size=x.shape), tf.float32)

  def native(x, kernel):
    return tf.nn.depthwise_conv2d(
      x, kernel, [1] * 4, 'SAME', dilations=[rate] * 2
    )

  def outcome(function, x):
    with tf.GradientTape() as tape:
      tape.watch([x, kernel])
      y = function(x, kernel)
      objective = tf.reduce_sum(y * weight)
    return [y, *tape.gradient(objective, [x, kernel])]

  size = x.shape if known_size else [None, None, None, 4]
  compiled = tf.function(
    lambda x: outcome(lambda a, b: depthwise.conv2d(a, b, rate), x),
    input_signature=[tf.TensorSpec(size)],
  )
  closeness.assert_close(compiled(x), outcome(native, x))


def test_without_dilations_tensorflow_makes_do(monkeypatch):
  monkeypatch.setattr(depthwise, 'has_dilations', lambda dtype: False)
  test_equals_tensorflow(3, 2, True)


def test_onednn_honours_the_rate():
  """What the speed of dilated convolutions rests on, where oneDNN is."""
  assert depthwise.has_dilations() == fused_cell.is_supported()
