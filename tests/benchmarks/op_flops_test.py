"""Formulas against products counted by hand."""

from __future__ import annotations

import pytest
import tensorflow as tf

from benchmarks import op_flops


def products(function, *shapes):
  """Multiply-adds of each known op of a function, in sorted order."""
  specs = [tf.TensorSpec(shape) for shape in shapes]
  graph = tf.function(function).get_concrete_function(*specs).graph
  found = [
    op_flops.count(op)
    for op in graph.get_operations()
    if op.type in op_flops.FORMULAS
  ]
  return [None if value is None else value // 2 for value in found]


def with_gradients(function):
  def both(x, w):
    with tf.GradientTape() as tape:
      tape.watch([x, w])
      y = function(x, w)
    return tape.gradient(y, [x, w])

  return both


def test_a_convolution_and_its_gradients_are_equally_many():
  convolve = with_gradients(lambda x, w: tf.nn.conv2d(x, w, 2, 'SAME'))
  # 2 images of 4 x 5 pixels of 7 channels, each from 3 * 3 * 6 values.
  expected = 2 * 4 * 5 * 7 * 3 * 3 * 6
  found = products(convolve, [2, 8, 9, 6], [3, 3, 6, 7])
  # The forward pass is not a result, but it is in the graph.
  assert found == [expected] * 3


def test_a_grouped_convolution_reads_its_group_only():
  convolve = with_gradients(lambda x, w: tf.nn.conv2d(x, w, 1, 'SAME'))
  expected = 2 * 4 * 4 * 8 * 3 * 3 * 2  # 3 groups of 2 channels
  found = products(convolve, [2, 4, 4, 6], [3, 3, 2, 9])
  assert found == [expected // 8 * 9] * 3


def test_a_depthwise_convolution_reads_one_channel():
  convolve = with_gradients(
    lambda x, w: tf.nn.depthwise_conv2d(x, w, [1, 1, 1, 1], 'SAME')
  )
  expected = 2 * 4 * 4 * (6 * 2) * 5 * 5
  assert products(convolve, [2, 4, 4, 6], [5, 5, 6, 2]) == [expected] * 3


@pytest.mark.parametrize(
  ('function', 'left', 'right', 'expected'),
  [
    (tf.matmul, [2, 3], [3, 5], 2 * 3 * 5),
    (lambda a, b: tf.matmul(a, b, True), [3, 2], [3, 5], 2 * 3 * 5),
    (tf.matmul, [7, 2, 3], [7, 3, 5], 7 * 2 * 3 * 5),
    (lambda a, b: tf.matmul(a, b, True), [7, 3, 2], [7, 3, 5], 7 * 2 * 3 * 5),
    (
      lambda a, b: tf.einsum('np,cd->pcnd', a, b),
      [2, 3],
      [5, 7],
      2 * 3 * 5 * 7,
    ),
    (
      lambda a, b: tf.raw_ops.Einsum(inputs=[a, b], equation='...c,cd->...d'),
      [4, 2, 3],
      [3, 7],
      4 * 2 * 3 * 7,
    ),
    (tf.matmul, [None, 3], [3, 5], None),
    (tf.matmul, None, [3, 5], None),
  ],
)
def test_a_product_has_one_for_each_set_of_indices(
  function, left, right, expected
):
  assert products(function, left, right) == [expected]
