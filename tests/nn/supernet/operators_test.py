"""Each primitive's operator, against Keras layers and by hand."""

import numpy as np
import pytest
import tensorflow as tf

from deeplab_nas.nn.supernet import operators
from deeplab_nas.space import primitives

FILTERS = 3


def build(primitive):
  """The operator and random weights for it."""
  operator = operators.build(primitive, FILTERS)
  rng = np.random.default_rng(1)
  weights = [
    tf.constant(rng.normal(size=shape), tf.float32)
    for shape in operator.weight_shapes
  ]
  return operator, weights


def images():
  x = np.random.default_rng(0).normal(size=(2, 8, 7, FILTERS))
  return tf.constant(x, tf.float32)


@pytest.mark.parametrize('primitive', primitives.BY_NAME.values())
def test_shape_is_kept_and_gradients_are_finite(primitive):
  operator, weights = build(primitive)
  x = images()
  calls = []

  def normalize(x):
    calls.append(x)
    return x

  with tf.GradientTape() as tape:
    tape.watch([x, weights])
    y = operator(x, weights, normalize)
  assert y.shape == x.shape
  assert len(calls) == operator.num_norms
  for gradient in tf.nest.flatten(tape.gradient(y, [x, *weights])):
    if primitive.is_none:
      assert gradient is None or not np.any(gradient)
    else:
      assert np.isfinite(gradient).all() and np.any(gradient)


@pytest.mark.parametrize(
  'primitive', [primitives.SEP_CONV_3X3, primitives.DIL_CONV_5X5]
)
def test_separable_equals_keras(primitive):
  operator, weights = build(primitive)
  expected = images()
  for spatial, point in zip(weights[::2], weights[1::2]):
    layer = tf.keras.layers.SeparableConv2D(
      FILTERS,
      primitive.kernel_size,
      padding='same',
      dilation_rate=primitive.rate,
      use_bias=False,
    )
    layer.build(expected.shape)
    layer.set_weights([spatial[..., np.newaxis], point])
    expected = layer(tf.nn.relu(expected))
  actual = operator(images(), weights, tf.identity)
  np.testing.assert_allclose(actual, expected, rtol=1e-4, atol=1e-4)


def test_separable_is_applied_twice_and_dilated_once():
  assert len(operators.build(primitives.SEP_CONV_3X3, 4).weight_shapes) == 4
  assert len(operators.build(primitives.DIL_CONV_3X3, 4).weight_shapes) == 2


def test_atrous_is_a_full_convolution_of_rate_2():
  operator, weights = build(primitives.ATROUS_CONV_5X5)
  assert operator.weight_shapes == ((5, 5, FILTERS, FILTERS),)
  layer = tf.keras.layers.Conv2D(
    FILTERS, 5, padding='same', dilation_rate=2, use_bias=False
  )
  layer.build(images().shape)
  layer.set_weights(weights)
  np.testing.assert_allclose(
    operator(images(), weights, tf.identity),
    layer(tf.nn.relu(images())),
    rtol=1e-4,
    atol=1e-4,
  )


def test_average_pool_counts_only_pixels_of_the_image():
  operator, _ = build(primitives.AVG_POOL_3X3)
  ones = tf.ones([1, 4, 4, FILTERS])
  np.testing.assert_allclose(operator(ones, [], None), ones)


def test_unknown_kind_names_the_known_ones():
  strange = primitives.Primitive('fourier', 'fourier')
  with pytest.raises(ValueError, match="'fourier'.*sep_conv"):
    operators.build(strange, 4)


@pytest.mark.parametrize('base', dict.fromkeys(operators.BUILDERS.values()))
def test_a_subclass_is_unknown_to_the_fast_path_until_it_says_how(base):
  class Changed(base):
    pass

  class Known(Changed):
    fast_path = operators.FastPath.FULL

  assert base.fast_path is not operators.FastPath.BY_EDGE
  assert Changed.fast_path is operators.FastPath.BY_EDGE
  assert Known.fast_path is operators.FastPath.FULL
