"""Graph ops: the values and gradients of plain functions, from fewer nodes."""

import collections

import numpy as np
import pytest
import tensorflow as tf

from deeplab_nas.nn.kernels import batch_norm, depthwise, graph_ops
from deeplab_nas.nn.supernet import fused_node
from tests.nn import closeness


def normal(*shape):
  return tf.random.stateless_normal(shape, [len(shape), shape[-1]])


OPERATIONS = {
  'reshape': (lambda x: graph_ops.reshape(x, [6, -1]), [(2, 3, 4)]),
  'tile': (lambda x: graph_ops.tile_channels(x, 3), [(2, 3, 4)]),
  'tile once': (lambda x: graph_ops.tile_channels(x, 1), [(2, 3, 4)]),
  'split': (
    lambda x: sum(i * y for i, y in enumerate(graph_ops.split(x, 3))),
    [(2, 5, 6)],
  ),
  'split in one': (lambda x: graph_ops.split(x, 1)[0], [(2, 5, 6)]),
  'split by sizes': (
    lambda x: sum(map(tf.reduce_sum, graph_ops.split(x, [1, 4], axis=1)[1:])),
    [(2, 5, 6)],
  ),
  'concat': (lambda *x: graph_ops.concat_channels(x), [(2, 3), (2, 1), (2, 5)]),
  'concat one': (lambda *x: graph_ops.concat_channels(x), [(2, 3)]),
  'gather': (lambda x: graph_ops.gather(x, [3, 0, 3]), [(5,)]),
  'convolution': (graph_ops.conv2d, [(2, 5, 6, 3), (3, 3, 3, 4)]),
  'of stride 2': (
    lambda x, w: graph_ops.conv2d(x, w, strides=2),
    [(2, 5, 6, 3), (3, 3, 3, 4)],
  ),
  'norm': (
    lambda *x: batch_norm.normalize(x[0], None, None, *x[1:], True)[0],
    [(2, 5, 6, 3), (3,), (3,)],
  ),
}
NEEDS_ONEDNN = {
  'atrous': (
    lambda x, w: graph_ops.conv2d(x, w, dilations=2),
    [(2, 5, 6, 3), (3, 3, 3, 4)],
  ),
  'grouped': (graph_ops.conv2d, [(2, 5, 6, 6), (1, 1, 2, 9)]),
}
if fused_node.is_supported():
  OPERATIONS |= NEEDS_ONEDNN


def with_gradients(operation, watched=None):
  """A function to trace: the operation, and gradients of what is watched."""

  def function(*xs):
    learnt = xs if watched is None else [xs[i] for i in watched]
    with tf.GradientTape() as tape:
      tape.watch(learnt)
      y = operation(*xs)
      objective = tf.reduce_sum(tf.sin(y))
    return [y, *tape.gradient(objective, learnt)]

  return function


def kinds(traced, *xs):
  """How many nodes of each kind a traced function has."""
  nodes = traced.get_concrete_function(*xs).graph.get_operations()
  return collections.Counter(node.type for node in nodes)


@pytest.mark.parametrize('name', OPERATIONS)
def test_values_and_gradients_are_those_of_tensorflow(name):
  operation, shapes = OPERATIONS[name]
  xs = [normal(*shape) for shape in shapes]
  function = with_gradients(operation)
  actual = tf.function(graph_ops.recorded(function), autograph=False)(*xs)
  closeness.assert_close(actual, function(*xs))


def test_sizes_may_be_unknown():
  def operation(x, w):
    x = graph_ops.conv2d(x, w)
    height = tf.shape(x)[1]
    return graph_ops.reshape(graph_ops.tile_channels(x, 2), [-1, height, 8])

  function = with_gradients(operation)
  xs = [normal(2, 5, 6, 3), normal(1, 1, 3, 4)]
  signature = [
    tf.TensorSpec([None, None, None, 3]),
    tf.TensorSpec([1, 1, 3, 4]),
  ]
  traced = tf.function(graph_ops.recorded(function), signature, autograph=False)
  closeness.assert_close(traced(*xs), function(*xs))


def test_a_constant_is_one_node():
  def operation(x):
    for _ in range(3):
      x = graph_ops.tile_channels(graph_ops.reshape(x, [6, 2]), 2)
      x = graph_ops.split(graph_ops.reshape(x, [2, 12]), 2)[0]
    return x

  def num_constants(function):
    return kinds(tf.function(function, autograph=False), normal(2, 6))['Const']

  # Two shapes, the multiples of a tile, and the axis.
  assert num_constants(graph_ops.recorded(operation)) == 4
  assert num_constants(operation) == 12


def test_statistics_need_no_gradient_of_zeros():
  operation, shapes = OPERATIONS['norm']
  xs = [normal(*shape) for shape in shapes]
  function = with_gradients(operation)
  plain = kinds(tf.function(function), *xs)
  recorded = kinds(
    tf.function(graph_ops.recorded(function), autograph=False), *xs
  )
  assert plain['ZerosLike'] and not recorded['ZerosLike']
  assert recorded.total() < plain.total()


@pytest.mark.parametrize(
  'watched, unneeded', [((0,), 'Filter'), ((1,), 'Input')]
)
def test_gradients_that_nobody_asks_for_are_not_made(watched, unneeded):
  xs = [normal(2, 5, 6, 3), normal(3, 3, 3, 4)]
  function = graph_ops.recorded(with_gradients(graph_ops.conv2d, watched))
  found = kinds(tf.function(function, autograph=False), *xs)
  backprops = {kind for kind in found if 'Backprop' in kind}
  assert len(backprops) == 1
  assert f'Conv2DBackprop{unneeded}' not in backprops


def seven_times(x):
  """An identity that claims a gradient of 7."""
  return tf.identity(x), lambda g: [lambda: 7 * g]


@pytest.mark.parametrize(
  'wrapped, always, expected',
  [
    (graph_ops.recorded, False, 7),
    (graph_ops.recorded, True, 7),
    (lambda f: f, False, 1),
    (lambda f: f, True, 7),
  ],
)
@pytest.mark.parametrize('compiled', [True, False])
def test_whose_gradient_it_is(wrapped, always, expected, compiled):
  def function(x):
    with tf.GradientTape() as tape:
      tape.watch(x)
      y = graph_ops.call(seven_times, x, always=always)
    return tape.gradient(y, x)

  function = wrapped(function)
  if compiled:
    function = tf.function(function, autograph=False)
  assert float(function(tf.constant(2.0))) == expected


def test_a_variable_has_the_gradient_too():
  @tf.function(autograph=False)
  @graph_ops.recorded
  def function():
    with tf.GradientTape() as tape:
      y = graph_ops.call(seven_times, variable)
    return tape.gradient(y, variable)

  variable = tf.Variable(2.0)
  assert float(function()) == 7


def test_an_error_while_tracing_ends_the_recording():
  def fails():
    assert graph_ops.is_on()
    raise ValueError

  with pytest.raises(ValueError):
    graph_ops.recorded(fails)()
  assert not graph_ops.is_on()


def test_without_tensorflows_tapes_gradients_are_the_same(monkeypatch):
  monkeypatch.setattr(graph_ops, 'record', None)
  assert not graph_ops.recorded(graph_ops.is_on)()
  test_values_and_gradients_are_those_of_tensorflow('norm')


def test_a_function_traced_in_a_recorded_one_has_the_right_gradients():
  """TensorFlow's own gradient of a depthwise convolution forgets the rate."""
  x = tf.random.stateless_normal([2, 8, 12, 4], [0, 1])
  kernel = tf.random.stateless_normal([3, 3, 4, 1], [0, 2])
  inner = tf.function(
    graph_ops.unrecorded(lambda x, kernel: depthwise.conv2d(x, kernel, 2)),
    autograph=False,
  )

  def spaced(x, kernel):
    return tf.nn.depthwise_conv2d(x, kernel, [1] * 4, 'SAME', dilations=[2, 2])

  def gradients(function):
    def compute(x, kernel):
      with tf.GradientTape() as tape:
        tape.watch([x, kernel])
        value = tf.reduce_sum(tf.sin(function(x, kernel)))
      return tape.gradient(value, [x, kernel])

    return tf.function(graph_ops.recorded(compute), autograph=False)(x, kernel)

  for actual, expected in zip(gradients(inner), gradients(spaced)):
    np.testing.assert_allclose(actual, expected, rtol=1e-4, atol=1e-5)
