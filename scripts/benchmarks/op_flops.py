"""Floating-point operations of convolutions and matrix products.

A multiply-add counts as two. Windows count in full at the borders too. The
three kinds of products of a convolution, with its input, its filter and its
output, are equally many: they only differ in which of these is the result.
"""

from __future__ import annotations

import math

import tensorflow as tf


def count(op: tf.Operation) -> int | None:
  """The operations of an op of `FORMULAS`; None if a size is not static."""
  try:
    return 2 * FORMULAS[op.type](op)
  except (TypeError, ValueError):  # of None, or of an unknown rank
    return None


def _sizes(tensor: tf.Tensor) -> list[int]:
  sizes = tensor.shape.as_list()
  if None in sizes:
    raise ValueError('a size is not static')
  return sizes


def _convolution(output: tf.Tensor, kernel: tf.Tensor) -> int:
  """Products of a convolution, grouped or not: kernel [h, w, C / G, D]."""
  return math.prod(_sizes(output)) * math.prod(_sizes(kernel)[:3])


def _depthwise(output: tf.Tensor, kernel: tf.Tensor) -> int:
  """Products of a depthwise convolution: kernel [h, w, C, M]."""
  return math.prod(_sizes(output)) * math.prod(_sizes(kernel)[:2])


def _matrix(op: tf.Operation) -> int:
  is_transposed = op.node_def.attr['transpose_a'].b
  return (
    math.prod(_sizes(op.outputs[0]))
    * (_sizes(op.inputs[0])[0 if is_transposed else 1])
  )


def _matrices(op: tf.Operation) -> int:
  is_transposed = op.node_def.attr['adj_x'].b
  return (
    math.prod(_sizes(op.outputs[0]))
    * (_sizes(op.inputs[0])[-2 if is_transposed else -1])
  )


def _einsum(op: tf.Operation) -> int:
  """Products of two operands: one for each set of indices."""
  if len(op.inputs) != 2:
    return 0
  equation = op.node_def.attr['equation'].s.decode()
  size_by_index = {}
  for text, tensor in zip(equation.split('->')[0].split(','), op.inputs):
    sizes = _sizes(tensor)
    before, ellipsis, after = text.partition('...')
    num_more = len(sizes) - len(before) - len(after) if ellipsis else 0
    # An ellipsis is broadcast: its last index is the last of both operands.
    more = [f'...{i}' for i in reversed(range(num_more))]
    for index, size in zip([*before, *more, *after], sizes):
      size_by_index[index] = max(size, size_by_index.get(index, 1))
  return math.prod(size_by_index.values())


FORMULAS = {
  'Conv2D': lambda op: _convolution(op.outputs[0], op.inputs[1]),
  'Conv2DBackpropInput': lambda op: _convolution(op.inputs[2], op.inputs[1]),
  'Conv2DBackpropFilter': lambda op: _convolution(op.inputs[2], op.outputs[0]),
  'DepthwiseConv2dNative': lambda op: _depthwise(op.outputs[0], op.inputs[1]),
  'DepthwiseConv2dNativeBackpropInput': lambda op: _depthwise(
    op.inputs[2], op.inputs[1]
  ),
  'DepthwiseConv2dNativeBackpropFilter': lambda op: _depthwise(
    op.inputs[2], op.outputs[0]
  ),
  'MatMul': _matrix,
  'BatchMatMul': _matrices,
  'BatchMatMulV2': _matrices,
  'BatchMatMulV3': _matrices,
  'Einsum': _einsum,
}
