"""The depthwise convolution equals TensorFlow's, gradients included."""

import numpy as np
import pytest
import tensorflow as tf

from deeplab_nas.nn.kernels import depthwise
from deeplab_nas.nn.supernet import fused_node
from tests.nn import bfloat16, closeness


@pytest.mark.parametrize('rate', [1, 2])
@pytest.mark.parametrize('kernel_size', [3, 5])
@pytest.mark.parametrize('known_size', [True, False])
@pytest.mark.parametrize('size', [(10, 7), (3, 2), (1, 1)])
def test_equals_tensorflow(kernel_size, rate, known_size, size):
  rng = np.random.default_rng(kernel_size)
  x = tf.constant(rng.normal(size=(3, *size, 4)), tf.float32)
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
  test_equals_tensorflow(3, 2, True, (10, 7))


def test_onednn_honours_the_rate():
  """What the speed of dilated convolutions rests on, where oneDNN is."""
  assert depthwise.has_dilations() == fused_node.is_supported()


@bfloat16.needed
@pytest.mark.parametrize('rate', [1, 2])
@pytest.mark.parametrize('kernel_size', [3, 5])
def test_bfloat16_sums_many_pixels_as_well_as_few(kernel_size, rate):
  """Sums over 2 * 81 * 81 terms, rounded once per image and once in all."""
  rng = np.random.default_rng(0)

  def draw():
    return tf.cast(rng.normal(0.5, 1, (2, 81, 81, 3)), tf.bfloat16)

  def exact(x):
    return np.asarray(tf.cast(x, tf.float64))

  x, g = draw(), draw()
  kernel = tf.ones([kernel_size, kernel_size, 3, 1], tf.bfloat16)
  with tf.GradientTape() as tape:
    tape.watch(kernel)
    y = depthwise.conv2d(x, kernel, rate)
  actual = tape.gradient(y, kernel, output_gradients=g)
  margin = rate * (kernel_size // 2)
  padded = np.pad(exact(x), [(0, 0), (margin,) * 2, (margin,) * 2, (0, 0)])
  for u in range(kernel_size):
    for v in range(kernel_size):
      window = padded[:, rate * u :, rate * v :][:, :81, :81]
      np.testing.assert_allclose(
        exact(actual)[u, v, :, 0],
        np.sum(window * exact(g), (0, 1, 2)),
        rtol=2**-7,
      )
