"""Functions that many networks share: one for each kind of a unit.

Before its first step a network is traced, and what is traced is compiled, node
by node: for a deep one that takes as long as some hundred steps. But all its
nodes are those of a few kinds of units, whose sizes differ. Here a unit is
traced once for each kind, with its weights as arguments and sizes left open.
All networks of a process, whatever their genotype, width and image size, call
the same functions.

Values and gradients are those of the unit itself: the same operations of the
same tensors.
"""

from __future__ import annotations

import contextlib
import functools
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from deeplab_nas.nn.kernels import graph_ops

_local = threading.local()
_IMAGE = tf.TensorSpec([None] * 4)
_FLAT = tf.TensorSpec([None])
# Keras' batch norm has no smaller one, which is cuDNN's limit.
_MIN_EPSILON = 1.001e-5


class Kind(NamedTuple):
  """What a unit computes, but for its channels.

  Attributes:
    kind: One of `conv_norm.KINDS`.
    kernel_size: Of the first convolution.
    strides: Of the first convolution.
    rate: Of the first convolution.
    epsilon: Of the batch norm.
    momentum: Of the batch norm.
    training: Whether batch norm takes the batch's statistics.
  """

  kind: str
  kernel_size: int
  strides: int
  rate: int
  epsilon: float
  momentum: float
  training: bool


@contextlib.contextmanager
def given(weights: Mapping[int, Sequence[tf.Tensor]]) -> Iterator[None]:
  """While this is open, units are shared functions of these weights.

  Args:
    weights: By the unit's `id`, see `apply`.
  """
  before = getattr(_local, 'weights', {})
  _local.weights = weights
  try:
    yield
  finally:
    _local.weights = before


def weights_of(unit: tf.Module) -> Sequence[tf.Tensor] | None:
  """Those that are given for a unit; None if it has to use its own."""
  return getattr(_local, 'weights', {}).get(id(unit))


def apply(
  kind: Kind,
  x: tf.Tensor,
  weights: Sequence[tf.Tensor],
  statistics: Sequence[tf.Tensor],
) -> tuple[tf.Tensor, list[tf.Tensor]]:
  """What the unit computes, and the batch norm's statistics after it.

  Args:
    kind: The unit's.
    x: float32 [B, H, W, C].
    weights: float32, each flat: the depthwise kernel if there is one, then the
      other if there is one, scale and offset of the batch norm.
    statistics: float32 [C'] each, moving mean and variance.

  Returns:
    float32 [B, H', W', C'], and the new mean and variance [C'].
  """
  moved = []

  def unit(x, *weights):
    y, mean, variance, *kept = _call(
      _forward(kind), [x, *weights, *statistics], 3 + _num_kept(kind)
    )
    moved.extend([mean, variance])

    def gradients(g):
      *kernels, gamma, _ = weights
      inputs = [g, x, *kernels, gamma, *kept]
      return _call(_backward(kind), inputs, 1 + len(weights))

    return y, gradients

  y = graph_ops.call(unit, x, *weights, always=True)
  batch, height, width, _ = x.shape
  sides = [n and -(-n // kind.strides) for n in (height, width)]
  y.set_shape([batch, *sides, statistics[0].shape[0]])
  return y, moved


def num_traced() -> int:
  """Functions that this process has traced so far."""
  return _forward.cache_info().currsize + _backward.cache_info().currsize


def _call(
  function: tf.types.experimental.ConcreteFunction,
  inputs: Sequence[tf.Tensor],
  num_outputs: int,
) -> Sequence[tf.Tensor]:
  """A node that calls a function, which takes a tenth of a function's call."""
  outputs = tf.raw_ops.PartitionedCall(
    args=inputs, Tout=[tf.float32] * num_outputs, f=function
  )
  return outputs if isinstance(outputs, list) else [outputs]


def _num_kernels(kind: Kind) -> int:
  return 2 if kind.kind == 'separable' else 1


def _num_kept(kind: Kind) -> int:
  """Tensors that the gradient needs besides the inputs."""
  return (3 + _num_kernels(kind)) if kind.training else 0


@functools.cache
def _forward(kind: Kind) -> tf.types.experimental.ConcreteFunction:
  """(x, *weights, mean, variance) -> (y, new mean, new variance, *kept)."""

  def forward(x, *args):
    *kernels, gamma, beta, mean, variance = args
    between = [x]
    for convolution, kernel in zip(_convolutions(kind), kernels):
      between.append(convolution(between[-1], kernel, gamma))
    y, mean, variance, *reserved = tf.raw_ops.FusedBatchNormV3(
      x=between[-1],
      scale=gamma,
      offset=beta,
      mean=mean,
      variance=variance,
      epsilon=max(kind.epsilon, _MIN_EPSILON),
      exponential_avg_factor=1 - kind.momentum if kind.training else 1.0,
      is_training=kind.training,
    )
    kept = [*reserved, *between[1:]] if kind.training else []
    return [y, mean, variance, *kept]

  signature = [_IMAGE] + [_FLAT] * (_num_kernels(kind) + 4)
  return _traced(forward, signature)


@functools.cache
def _backward(kind: Kind) -> tf.types.experimental.ConcreteFunction:
  """(g, x, *kernels, gamma, *kept) -> gradients of (x, *weights)."""
  count = _num_kernels(kind)

  def backward(g, x, *args):
    kernels, gamma, reserved = args[:count], args[count], args[count + 1 :][:3]
    between = [x, *args[count + 4 :]]
    g, of_gamma, of_beta, *_ = tf.raw_ops.FusedBatchNormGradV3(
      y_backprop=g,
      x=between[-1],
      scale=gamma,
      reserve_space_1=reserved[0],
      reserve_space_2=reserved[1],
      reserve_space_3=reserved[2],
      epsilon=max(kind.epsilon, _MIN_EPSILON),
      is_training=True,
    )
    of_kernels = []
    for index in reversed(range(count)):
      given = between[index], kernels[index]
      # Itself it is not computed again: nothing needs it.
      y = _convolutions(kind)[index](*given, gamma)
      g, of_kernel = tf.gradients(y, given, g)
      of_kernels.insert(0, of_kernel)
    return [g, *of_kernels, of_gamma, of_beta]

  kept = [_FLAT] * 3 + [_IMAGE] * count
  signature = [_IMAGE] * 2 + [_FLAT] * (count + 1) + kept
  return _traced(backward, signature)


def _traced(
  function: Callable, signature: Sequence[tf.TensorSpec]
) -> tf.types.experimental.ConcreteFunction:
  """The function's graph.

  Where operations run one at a time, all calls share its kernels, which saves
  making some for each. oneDNN's batch norm does not bear two calls at a time:
  it then writes to memory that is not its own.
  """
  is_serial = tf.config.threading.get_inter_op_parallelism_threads() == 1
  attributes = {'_noinline': True} if is_serial else None
  with tf.init_scope():  # out of the graph that is being made
    return tf.function(
      function,
      input_signature=signature,
      autograph=False,
      experimental_attributes=attributes,
    ).get_concrete_function()


def _convolutions(kind: Kind) -> list[Callable]:
  """Each (x, flat kernel, gamma) -> y; the first has the window."""
  window, strides, rate = [kind.kernel_size] * 2, kind.strides, kind.rate

  def depthwise(x, kernel, _):
    kernel = tf.reshape(kernel, [*window, tf.shape(x)[-1], 1])
    return _windowed(tf.nn.depthwise_conv2d, x, kernel, strides, rate)

  def full(x, kernel, gamma):
    kernel = tf.reshape(kernel, [*window, tf.shape(x)[-1], tf.size(gamma)])
    return _windowed(tf.nn.conv2d, x, kernel, strides, rate)

  def pointwise(x, kernel, gamma):
    kernel = tf.reshape(kernel, [1, 1, tf.shape(x)[-1], tf.size(gamma)])
    return tf.nn.conv2d(x, kernel, 1, 'SAME')

  return {
    'full': [full],
    'depthwise': [depthwise],
    'separable': [depthwise, pointwise],
  }[kind.kind]


def _windowed(
  convolution: Callable,
  x: tf.Tensor,
  kernel: tf.Tensor,
  strides: int,
  rate: int,
) -> tf.Tensor:
  """'SAME' convolution of any kind, of unknown channels."""
  strides = [1, strides, strides, 1]
  if rate == 1:
    return convolution(x, kernel, strides, 'SAME')
  # As TensorFlow does by itself where it knows all of the kernel's shape.
  return tf.compat.v1.nn.with_space_to_batch(
    x,
    [rate, rate],
    'SAME',
    lambda apart, _, padding: convolution(apart, kernel, strides, padding),
    np.asarray(kernel.shape[:2]),
  )
