"""One operation on one edge of a sampled cell: a function for each primitive.

All edges of all nodes, whatever their size, call the same functions, which get
the operation's weights out of those that the sample touches.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import NamedTuple

import tensorflow as tf

from deeplab_nas.nn.kernels import batch_norm, cases, depthwise, graph_ops
from deeplab_nas.nn.supernet import operators, partial_channels
from deeplab_nas.space import primitives as primitives_lib

_SCALAR, _INDEX = tf.TensorSpec([]), tf.TensorSpec([], tf.int32)
_FLAT, _ROWS = tf.TensorSpec([None]), tf.TensorSpec([None, None])


class Kind(NamedTuple):
  """What the functions of an edge are made for.

  Attributes:
    primitives: Those of the cell.
    dtype: Of a state.
    partial_channels: K, a divisor of C; see `partial_channels.py`.
  """

  primitives: tuple[primitives_lib.Primitive, ...]
  dtype: str = 'float32'
  partial_channels: int = 1

  @property
  def spec(self) -> tf.TensorSpec:
    """Of a state, [B, H, W, C]."""
    return tf.TensorSpec([None] * 4, self.dtype)

  @property
  def nothing(self) -> int:
    """The number of the function that leaves all as it is."""
    return len(self.primitives)


@functools.cache
def forward(kind: Kind, training: bool) -> list[cases.Function]:
  """For each primitive a function, and one that does nothing.

  (x, total, scale, weights, at, mean, variance, norm_at) ->
  (total + scale O(x), mean [n, C/K] and variance [n, C/K] that served)
  """
  signature = [kind.spec, kind.spec, _SCALAR, _FLAT, _INDEX, _ROWS, _ROWS]
  signature.append(_INDEX)

  def nothing(x, total, scale, weights, at, mean, variance, norm_at):
    return [tf.identity(total), *_no_rows(kind, x)]

  compute = functools.partial(_forward, kind, training)
  return [
    *_functions(kind, compute, signature),
    cases.traced(nothing, signature),
  ]


@functools.cache
def backward(kind: Kind) -> list[cases.Function]:
  """For each primitive a function, and one that does nothing.

  (x, g, x's gradient so far, scale, weights, at) ->
  (x's gradient, the weights' [n])
  """
  signature = [kind.spec, kind.spec, kind.spec, _SCALAR, _FLAT, _INDEX]

  def nothing(x, g, x_gradient, scale, weights, at):
    return tf.identity(x_gradient), tf.zeros([0])

  compute = functools.partial(_backward, kind)
  return [
    *_functions(kind, compute, signature),
    cases.traced(nothing, signature),
  ]


def _functions(
  kind: Kind, compute, signature: Sequence[tf.TensorSpec]
) -> list[cases.Function]:
  """One for each primitive; those with convolutions call what computes."""
  functions = []
  for k, primitive in enumerate(kind.primitives):
    has_weights = operators.build(primitive, 1).weight_shapes
    make = cases.branch if has_weights else cases.traced
    functions.append(make(functools.partial(compute, k), signature))
  return functions


def _forward(
  kind, training, k, x, total, scale, weights, at, mean, variance, norm_at
):
  served = []

  def normalize(x):
    row = norm_at + len(served)
    fixed = (None, None) if training else (mean[row], variance[row])
    y, *used = _normalize(x, *fixed, training)
    served.append(used)
    return y

  y = _apply(kind, x, scale, *_weights(kind, k, x, weights, at), normalize)
  if not served:
    return [total + y, *_no_rows(kind, x)]
  return [total + y, *(tf.stack(used) for used in zip(*served))]


def _backward(kind, k, x, g, x_gradient, scale, weights, at):
  operator, own = _weights(kind, k, x, weights, at)

  def normalize(x):
    return _normalize(x, None, None, True)[0]

  y = _apply(kind, x, scale, operator, own, normalize)
  of_x, *of_own = tf.gradients(y, [x, *own], g)
  of_x = tf.identity(x_gradient) if of_x is None else x_gradient + of_x
  flat = [tf.reshape(tf.cast(x, tf.float32), [-1]) for x in of_own]
  return of_x, tf.concat(flat, 0) if flat else tf.zeros([0])


def _normalize(x, mean, variance, training):
  ones = tf.ones(tf.shape(x)[-1:])
  return batch_norm.normalize(
    x, mean, variance, ones, tf.zeros_like(ones), training
  )


def _row_size(kind: Kind, x: tf.Tensor) -> tf.Tensor:
  """C/K, the channels that pass through an operation, int32 []."""
  return tf.shape(x)[-1] // kind.partial_channels


def _no_rows(kind: Kind, x: tf.Tensor) -> list[tf.Tensor]:
  none = tf.zeros(tf.stack([0, _row_size(kind, x)]))
  return [none, tf.identity(none)]


def _weights(
  kind: Kind, k: int, x, weights, at
) -> tuple[operators.Operator, list[tf.Tensor]]:
  """The operator and its weights, out of all that the node touches."""
  operator = operators.build(kind.primitives[k], _row_size(kind, x))
  shapes = [tf.stack(shape) for shape in operator.weight_shapes]
  if not shapes:
    return operator, []
  sizes = tf.stack([tf.reduce_prod(shape) for shape in shapes])
  own = tf.slice(weights, [at], [tf.reduce_sum(sizes)])
  parts = tf.split(tf.cast(own, kind.dtype), sizes, num=len(shapes))
  return operator, list(map(tf.reshape, parts, shapes))


def _apply(kind: Kind, x, scale, operator, weights, normalize):
  """scale O(x), [B, H, W, C]; with partial channels of the first C/K."""
  scale, size = tf.cast(scale, x.dtype), operator.filters
  if kind.partial_channels == 1:
    return scale * _operate(operator, x, weights, normalize)
  first = _operate(operator, x[..., :size], weights, normalize)
  beside = tf.concat([scale * first, scale * x[..., size:]], axis=-1)
  return partial_channels.shuffle(
    beside, size * kind.partial_channels, kind.partial_channels
  )


def _operate(operator, x, weights, normalize) -> tf.Tensor:
  """As `operator` does, with the kernels of the fast path."""
  rate = operator.primitive.rate
  if operator.fast_path is operators.FastPath.FULL:
    x = graph_ops.conv2d(tf.nn.relu(x), weights[0], dilations=rate)
    return normalize(x)
  if operator.fast_path is not operators.FastPath.SEPARABLE:
    return operator(x, weights, normalize)
  for spatial, point in zip(weights[::2], weights[1::2]):
    x = depthwise.conv2d(tf.nn.relu(x), spatial[..., tf.newaxis], rate)
    x = normalize(graph_ops.conv2d(x, point))
  return x
