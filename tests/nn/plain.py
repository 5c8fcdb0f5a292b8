"""Plain TensorFlow and NumPy, which layers are compared with.

Nothing here reads a stride, a rate or an order from a layer; only variables.
"""

import numpy as np
import tensorflow as tf


def images(*shape, seed=0):
  """Standard normal float32 values."""
  values = np.random.default_rng(seed).normal(size=shape)
  return tf.constant(values, tf.float32)


def norm_factory(**settings):
  """Batch norms as derived networks have them, with some settings."""

  def make(name):
    return tf.keras.layers.BatchNormalization(name=name, **settings)

  return make


def norms(module):
  """The batch norms of a module."""
  return [
    m
    for m in module.submodules
    if isinstance(m, tf.keras.layers.BatchNormalization)
  ]


def randomize(module, seed=1):
  """Gives scales, offsets and moving statistics random values."""
  rng = np.random.default_rng(seed)
  for layer in norms(module):
    for variable in (layer.gamma, layer.moving_variance):
      variable.assign(rng.uniform(0.5, 1.5, variable.shape))
    for variable in (layer.beta, layer.moving_mean):
      variable.assign(rng.normal(0, 0.5, variable.shape))
  return module


def norm(x, layer):
  """Batch norm in inference."""
  gamma, beta, mean, variance = (
    v.numpy()
    for v in (layer.gamma, layer.beta, layer.moving_mean, layer.moving_variance)
  )
  x = np.asarray(x)
  return (x - mean) * gamma / np.sqrt(variance + layer.epsilon) + beta


def conv(x, kernel, strides=1, rate=1):
  return tf.nn.conv2d(x, kernel, strides, 'SAME', dilations=rate)


def depthwise(x, kernel, strides=1, rate=1):
  return tf.nn.depthwise_conv2d(
    x, kernel, [1, strides, strides, 1], 'SAME', dilations=[rate, rate]
  )


def unit(x, layer, strides=1, rate=1):
  """A `ConvNorm` in inference; its window is in the first convolution."""
  kernels = [c.get_weights()[0] for c in layer.convs]
  if layer.kind == 'full':
    x = conv(x, kernels[0], strides, rate)
  else:
    x = depthwise(x, kernels[0], strides, rate)
    if layer.kind == 'separable':
      x = conv(x, kernels[1])
  if layer.norm is not None:
    return norm(x, layer.norm)
  return x + layer.convs[-1].get_weights()[1]


def resize(x, height, width):
  """Bilinear with aligned corners, one axis after the other."""
  x = np.asarray(x, np.float64)
  for axis, size in ((1, height), (2, width)):
    places = np.linspace(0, x.shape[axis] - 1, size)
    low = np.floor(places).astype(int)
    high = np.minimum(low + 1, x.shape[axis] - 1)
    share = (places - low).reshape([-1 if i == axis else 1 for i in range(4)])
    x = x.take(low, axis) * (1 - share) + x.take(high, axis) * share
  return tf.constant(x, tf.float32)
