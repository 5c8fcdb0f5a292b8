"""An input of a sampled node: resampled and normalised, or zeros."""

from __future__ import annotations

import functools
from typing import NamedTuple

import tensorflow as tf

from deeplab_nas.nn.kernels import batch_norm, cases, graph_ops, resize

IMAGE = tf.TensorSpec([None] * 4)
FLAT, ROWS = tf.TensorSpec([None]), tf.TensorSpec([None, None])
SIZE, INDEX = tf.TensorSpec([2], tf.int32), tf.TensorSpec([], tf.int32)


class Kind(NamedTuple):
  """What the functions of an input are made for; sizes are left open.

  Attributes:
    kernel_size: Of `Resample`'s convolution.
    strides: Of it.
    is_resized: Whether a bilinear resize follows.
    dtype: Of the states.
    num_rows: K, rows of statistics that its C channels have.
    training: Whether the norm takes the statistics of the batch.
  """

  kernel_size: int
  strides: int
  is_resized: bool
  dtype: str = 'float32'
  num_rows: int = 1
  training: bool = True

  @property
  def spec(self) -> tf.TensorSpec:
    return tf.TensorSpec([None] * 4, self.dtype)

  def num_weights(self, x: tf.Tensor, filters: tf.Tensor) -> tf.Tensor:
    """Of the convolution of a source's output, int32 []."""
    return self.kernel_size**2 * tf.shape(x)[-1] * filters


@functools.cache
def forward(kind: Kind) -> list[cases.Function]:
  """Functions of the source's output x [B, h, w, channels], and of zeros.

  (x, kernel [n], size, filters, mean, variance) ->
  (state [B, *size, C], mean and variance [K, C/K] that served)
  """

  def compute(x, kernel, size, filters, mean, variance):
    return _forward(kind, x, kernel, size, filters, mean, variance)

  def zeros(x, kernel, size, filters, mean, variance):
    x = tf.zeros(tf.concat([tf.shape(x)[:1], size, [filters]], 0), x.dtype)
    if not kind.training:
      return _normalized(kind, x, mean, variance)
    none = tf.zeros(tf.stack([kind.num_rows, filters // kind.num_rows]))
    return x, none, tf.identity(none)

  signature = [kind.spec, FLAT, SIZE, INDEX, ROWS, ROWS]
  return [cases.branch(compute, signature), cases.traced(zeros, signature)]


@functools.cache
def backward(kind: Kind) -> list[cases.Function]:
  """(x, kernel, size, filters, g) -> gradients of x and kernel; or zeros."""

  def zeros(x, kernel, size, filters, g):
    return tf.zeros_like(x), tf.zeros_like(kernel)

  def gradients(x, kernel, size, filters, g):
    y, *_ = _forward(kind, x, kernel, size, filters, None, None)
    return tf.gradients(y, [x, kernel], g)

  signature = [kind.spec, FLAT, SIZE, INDEX, kind.spec]
  return [cases.branch(gradients, signature), cases.traced(zeros, signature)]


def _forward(kind, x, kernel, size, filters, mean, variance):
  """As `Resample` does, and then normalised."""
  window = [kind.kernel_size] * 2
  kernel = tf.reshape(kernel, tf.stack([*window, tf.shape(x)[-1], filters]))
  kernel = tf.cast(kernel, x.dtype)
  x = graph_ops.conv2d(tf.nn.relu(x), kernel, kind.strides)
  if kind.is_resized:
    x = resize.bilinear(x, size)
  return _normalized(kind, x, mean, variance)


def _normalized(kind, x, mean, variance):
  filters = tf.shape(x)[-1:]
  if not kind.training:
    mean, variance = (tf.reshape(m, filters) for m in (mean, variance))
  ones = tf.ones(filters)
  x, *used = batch_norm.normalize(
    x, mean, variance, ones, tf.zeros_like(ones), kind.training
  )
  return x, *(tf.reshape(value, [kind.num_rows, -1]) for value in used)
