"""Each primitive as layers, with and without a stride."""

import numpy as np
import pytest
import tensorflow as tf

from deeplab_nas.nn.network import operators
from deeplab_nas.nn.supernet import operators as supernet_operators
from deeplab_nas.space import primitives
from tests.nn import closeness, plain

FILTERS = 3
ALL = pytest.mark.parametrize('name', primitives.BY_NAME)
STRIDES = pytest.mark.parametrize('strides', [1, 2])


def build(name, strides, norm=None):
  op = operators.DerivedOp(
    primitives.BY_NAME[name], FILTERS, strides, norm, name='op'
  )
  op(tf.zeros([1, 9, 9, FILTERS]))
  return op


def with_kernels_of_ones(op):
  for unit in op.units:
    for conv in unit.convs:
      kernel, *biases = conv.get_weights()
      conv.set_weights([np.ones_like(kernel), *biases])
  return op


def none(x, op, strides):
  return tf.zeros([x.shape[0], 8 // strides + 1, 6 // strides + 1, FILTERS])


def skip(x, op, strides):
  if strides == 1:
    return x
  return plain.unit(tf.nn.relu(x), *op.units, strides)


def max_pool(x, op, strides):
  return tf.nn.max_pool2d(x, op.primitive.kernel_size, strides, 'SAME')


def avg_pool(x, op, strides):
  # Pixels outside of the image count for neither the sum nor the number.
  size = op.primitive.kernel_size
  kernel = tf.ones([size, size, FILTERS, 1])
  return plain.depthwise(x, kernel, strides) / plain.depthwise(
    tf.ones_like(x), kernel, strides
  )


def atrous_conv(x, op, strides):
  x = tf.nn.relu(x)
  if strides == 1:
    return plain.unit(x, *op.units, rate=2)
  x = plain.resize(x, 5, 4)
  return plain.unit(x, *op.units)


def dil_conv(x, op, strides):
  return plain.unit(
    tf.nn.relu(x), *op.units, strides, rate=2 if strides == 1 else 1
  )


def sep_conv(x, op, strides):
  first, second = op.units
  x = plain.unit(tf.nn.relu(x), first, strides)
  return plain.unit(tf.nn.relu(x), second)


BY_HAND = {
  'none': none,
  'skip': skip,
  'max_pool': max_pool,
  'avg_pool': avg_pool,
  'atrous_conv': atrous_conv,
  'dil_conv': dil_conv,
  'sep_conv': sep_conv,
}


@ALL
@STRIDES
def test_values_equal_plain_operations(name, strides):
  op = plain.randomize(build(name, strides, plain.norm_factory(epsilon=0.1)))
  x = plain.images(2, 9, 7, FILTERS)
  y = op(x)
  assert y.shape == (2, 8 // strides + 1, 6 // strides + 1, FILTERS)
  expected = BY_HAND[op.primitive.kind](x, op, strides)
  closeness.assert_close([y], [expected])


@ALL
def test_without_a_stride_it_computes_what_the_search_computes(name):
  op = plain.randomize(build(name, 1, plain.norm_factory()))
  operator = supernet_operators.build(op.primitive, FILTERS)
  kernels = [conv.get_weights()[0] for unit in op.units for conv in unit.convs]
  weights = [
    tf.reshape(kernel, shape)
    for kernel, shape in zip(kernels, operator.weight_shapes)
  ]
  assert len(op.units) == operator.num_norms
  units = iter(op.units)
  x = plain.images(2, 9, 7, FILTERS)
  expected = operator(x, weights, lambda x: plain.norm(x, next(units).norm))
  closeness.assert_close([op(x)], [expected])


def offsets_reached(name):
  """How far from a pixel a primitive reaches along an axis, by its record."""
  primitive = primitives.BY_NAME[name]
  if primitive.is_none:
    return set()
  radius = primitive.kernel_size // 2
  once = {i * primitive.rate for i in range(-radius, radius + 1)}
  if primitive.kind == 'sep_conv':
    return {i + j for i in once for j in once}
  return once


@ALL
def test_one_pixel_spreads_as_far_as_the_window_and_at_its_rate(name):
  op = with_kernels_of_ones(build(name, 1))
  x = np.zeros([1, 19, 19, FILTERS], np.float32)
  x[0, 9, 9] = 1
  rows, columns = np.nonzero(op(x)[0, :, :, 0])
  offsets = offsets_reached(name)
  assert set(zip(rows - 9, columns - 9)) == {
    (i, j) for i in offsets for j in offsets
  }


@ALL
@STRIDES
def test_nothing_is_shifted(name, strides):
  """A mirrored image gives the mirrored result: corner pixels coincide."""
  op = with_kernels_of_ones(build(name, strides))
  x = plain.images(1, 17, 13, FILTERS)
  mirrored = op(tf.reverse(x, [1, 2]))
  closeness.assert_close([tf.reverse(mirrored, [1, 2])], [op(x)])


@ALL
@STRIDES
def test_a_size_that_is_known_late_changes_nothing(name, strides):
  op = build(name, strides)
  traced = tf.function(op).get_concrete_function(
    tf.TensorSpec([None, None, None, FILTERS])
  )
  for size in ((1, 1), (5, 9)):
    x = plain.images(2, *size, FILTERS)
    closeness.assert_close([traced(x)], [op(x)])


@ALL
@STRIDES
def test_training_reaches_the_batch_norm(name, strides):
  norm = plain.norm_factory(momentum=0.5)
  op = build(name, strides, norm)
  op(plain.images(2, 9, 9, FILTERS), training=True)
  assert len(plain.norms(op)) == len(op.units)
  for layer in plain.norms(op):
    assert np.all(layer.moving_variance.numpy() != 1)


def test_a_skip_without_a_stride_is_the_input_itself():
  op = build('skip_connect', 1, plain.norm_factory())
  x = plain.images(1, 3, 3, FILTERS)
  np.testing.assert_array_equal(op(x), x)
  assert not op.variables and not op.steps


@STRIDES
def test_none_is_zero_whatever_it_reads(strides):
  op = build('none', strides, plain.norm_factory())
  x = tf.fill([1, 5, 5, FILTERS], np.nan)
  np.testing.assert_array_equal(op(x), np.zeros([1, *op(x).shape[1:]]))
  assert not op.variables


@STRIDES
def test_pools_do_not_see_beyond_the_image(strides):
  minus_ones = -tf.ones([1, 5, 5, FILTERS])
  for name in ('avg_pool_3x3', 'max_pool_3x3'):
    y = build(name, strides)(minus_ones).numpy()
    np.testing.assert_allclose(y, -np.ones_like(y), rtol=1e-6)
  x = plain.images(1, 5, 5, FILTERS).numpy()
  corner = build('avg_pool_3x3', strides)(x)[0, 0, 0]
  np.testing.assert_allclose(corner, x[0, :2, :2].mean((0, 1)), rtol=1e-5)


def test_halving_keeps_every_other_pixel_and_corners_of_even_sizes():
  halve = operators.Halve()
  x = plain.images(1, 9, 7, FILTERS)
  np.testing.assert_allclose(halve(x), x[:, ::2, ::2], rtol=1e-5, atol=1e-6)
  y = halve(x[:, 1:, :6])
  assert y.shape == (1, 4, 3, FILTERS)
  np.testing.assert_allclose(y[:, -1, -1], x[:, 8, 5], rtol=1e-5)


def test_every_kind_of_a_search_can_be_derived():
  assert set(operators.BUILDERS) == set(supernet_operators.BUILDERS)
  kinds = {primitive.kind for primitive in primitives.BY_NAME.values()}
  assert kinds == set(operators.BUILDERS)


def test_an_unknown_kind_lists_the_known():
  strange = primitives.Primitive('fourier', 'transform')
  with pytest.raises(
    ValueError, match="'fourier' is of kind 'transform'; .* for none, skip"
  ):
    operators.DerivedOp(strange, FILTERS, 1, None)
