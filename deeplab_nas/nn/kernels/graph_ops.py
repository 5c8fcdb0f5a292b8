"""Few nodes for the graphs of a search's steps and of the fast path.

A node of the graph costs a millisecond or two before the first step, whether it
computes anything or not. A tape's gradients have many that do not: zeros for
outputs that nobody reads, shapes of tensors whose shape is known, identities
around custom gradients. In a function that is `recorded`, gradients are those
written out for `call`, and a constant is one node wherever it is needed.

Test: tests/nn/kernels/graph_ops_test.py. Gain: g3doc/performance.md.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable

import tensorflow as tf

from deeplab_nas.nn.kernels import shapes

try:
  # tf.custom_gradient does the same, plus an identity of each input and output
  # and zeros for the gradients of those.
  from tensorflow.python.eager import record
except ImportError:  # of another TensorFlow: more nodes, the same values
  record = None

_local = threading.local()


def recorded(function: Callable) -> Callable:
  """A function to trace, whose tapes record gradients as written out.

  Only if its gradient is never asked for from outside, or a tape of its own
  takes it, as in a step of a search: TensorFlow's gradient of a traced function
  does not know of them.
  """

  return _traced_with(function, lambda: None if record is None else {})


def unrecorded(function: Callable) -> Callable:
  """A function to trace, of which TensorFlow takes the gradient.

  Whoever traces it first: within one that is `recorded` its gradients would be
  those of TensorFlow's operations, which are not all right; that of a depthwise
  convolution forgets the rate.
  """
  return _traced_with(function, lambda: None)


def _traced_with(
  function: Callable, constants: Callable[[], dict | None]
) -> Callable:
  @functools.wraps(function)
  def traced(*args, **kwargs):
    before = _constants()
    _local.constants = constants()
    try:
      return function(*args, **kwargs)
    finally:
      _local.constants = before

  return traced


def is_on() -> bool:
  """Whether a function of `recorded` is being traced."""
  return _constants() is not None


def _constants() -> dict | None:
  """Those made so far, of a graph, a value and a dtype; None if not open."""
  return getattr(_local, 'constants', None)


def call(function: Callable, *args: tf.Tensor, always: bool = False):
  """What a function with a gradient of its own returns.

  Args:
    function: Takes `args`; returns a tensor or a list of them, and a function
      from their gradients to those of `args`: tensors, or functions that make
      one when it is needed. The rest of what it computes has no gradient.
    *args: Tensors.
    always: Whether to use these gradients outside of a `recorded` function
      too. If not, TensorFlow differentiates the operations there.

  Returns:
    The tensor or tensors.
  """
  if not is_on():
    return _custom(function)(*args) if always else function(*args)[0]
  args = [tf.convert_to_tensor(x) for x in args]  # read variables
  with record.stop_recording():
    outputs, gradients = function(*args)
  needed = [record.should_record_backprop([x]) for x in args]
  record.record_operation(
    function.__name__,
    tf.nest.flatten(outputs),
    args,
    lambda *of_outputs: _made(gradients(*of_outputs), needed),
  )
  return outputs


def _custom(function: Callable) -> Callable:
  @tf.custom_gradient
  def custom(*args):
    outputs, gradients = function(*args)
    needed = [True] * len(args)
    return outputs, lambda *g: _made(gradients(*g), needed)

  return custom


def _made(gradients: list, needed: list[bool]) -> list[tf.Tensor | None]:
  return [
    (g() if callable(g) else g) if is_needed else None
    for g, is_needed in zip(gradients, needed)
  ]


def constant(value, dtype: tf.DType = tf.int32) -> tf.Tensor:
  """A constant; in a `recorded` function one node for all its uses.

  Args:
    value: A number or a list of them, of numbers or tensors; with a tensor in
      it, as an unknown size is, it is packed anew.
    dtype: The tensor's.
  """
  if not is_on() or any(map(tf.is_tensor, tf.nest.flatten(value))):
    return tf.convert_to_tensor(value, dtype)
  key = tf.compat.v1.get_default_graph(), repr(value), dtype
  if key not in _constants():
    _constants()[key] = tf.constant(value, dtype)
  return _constants()[key]


def reshape(x: tf.Tensor, shape: list[int | tf.Tensor]) -> tf.Tensor:
  """As tf.reshape does."""

  def reshaped(x):
    y = tf.reshape(x, constant(shape))
    return y, lambda g: [tf.reshape(g, constant(shapes.dims(x)))]

  return call(reshaped, x)


def tile_channels(x: tf.Tensor, repeats: int) -> tf.Tensor:
  """[..., repeats * C], all channels of [..., C] so often."""

  def tiled(x):
    y = tf.tile(x, constant([1] * (x.shape.rank - 1) + [repeats]))
    return y, lambda g: [tf.add_n(split(g, repeats))]

  return call(tiled, x) if repeats > 1 else x


def split(
  x: tf.Tensor, sizes: int | list[int], axis: int = -1
) -> list[tf.Tensor]:
  """As tf.split does, into so many equal parts or into parts of these sizes."""
  axis %= x.shape.rank
  num_parts = sizes if isinstance(sizes, int) else len(sizes)

  def parted(x):
    number = sizes if isinstance(sizes, int) else constant(sizes)
    parts = tf.split(x, number, constant(axis), num_parts)
    return parts, lambda *g: [tf.concat(g, constant(axis))]

  return call(parted, x) if num_parts > 1 else [x]


def concat_channels(parts: list[tf.Tensor]) -> tf.Tensor:
  """The parts, each [..., C] for some C, side by side on the last axis."""
  last = parts[0].shape.rank - 1
  sizes = [part.shape[last] for part in parts]

  def concat(*parts):
    y = tf.concat(parts, constant(last))
    return y, lambda g: tf.split(g, constant(sizes), constant(last))

  return call(concat, *parts) if len(parts) > 1 else parts[0]


def gather(x: tf.Tensor, indices: list[int]) -> tf.Tensor:
  """x[indices] of a vector, [N]."""

  def gathered(x):
    def gradients(g):
      return [
        tf.math.unsorted_segment_sum(g, constant(indices), constant(x.shape[0]))
      ]

    return tf.gather(x, constant(indices), axis=constant(0)), gradients

  return call(gathered, x)


def conv2d(
  x: tf.Tensor, kernel: tf.Tensor, strides: int = 1, dilations: int = 1
) -> tf.Tensor:
  """As tf.nn.conv2d does, with 'SAME' padding; kernels may be grouped."""
  settings = {
    'strides': [1, strides, strides, 1],
    'dilations': [1, dilations, dilations, 1],
    'padding': 'SAME',
  }

  def convolved(x, kernel):
    def gradients(g):
      return [
        lambda: tf.raw_ops.Conv2DBackpropInput(
          input_sizes=constant(shapes.dims(x)),
          filter=kernel,
          out_backprop=g,
          **settings,
        ),
        lambda: tf.raw_ops.Conv2DBackpropFilter(
          input=x,
          filter_sizes=constant(list(kernel.shape)),
          out_backprop=g,
          **settings,
        ),
      ]

    return tf.raw_ops.Conv2D(input=x, filter=kernel, **settings), gradients

  return call(convolved, x, kernel)
