"""Operations inside functions, and those that nothing needs."""

from __future__ import annotations

import tensorflow as tf

from benchmarks import graph_cost

MATRIX = tf.TensorSpec([4, 4])
FLOPS = 2 * 4**3


def cost(function, *specs):
  return graph_cost.count(tf.function(function).get_concrete_function(*specs))


@tf.function
def square(x):
  return tf.matmul(x, x)


@tf.function
def two(x):
  return tf.matmul(x, x), tf.matmul(x, tf.matmul(x, x))


def test_a_function_counts_at_each_call():
  found = cost(lambda x: square(square(square(x))), MATRIX)
  assert found.flops == 3 * FLOPS
  assert (found.num_functions, found.num_unknown) == (1, 0)
  # In the function: the argument, the product, the result.
  assert (found.num_nodes, found.num_function_nodes) == (5, 3)


def test_functions_within_functions_count():
  outer = tf.function(lambda x: square(x) + square(x))
  found = cost(lambda x: outer(outer(x)), MATRIX)
  assert found.flops == 4 * FLOPS
  assert found.num_functions == 2


def test_what_no_result_depends_on_is_free():
  assert cost(two, MATRIX).flops == 3 * FLOPS
  assert cost(lambda x: two(x)[0], MATRIX).flops == FLOPS
  assert cost(lambda x: two(x)[1], MATRIX).flops == 2 * FLOPS


def test_what_a_variable_is_set_to_counts():
  variable = tf.Variable(tf.zeros([4, 4]))

  def step(x):
    variable.assign(square(x))
    return 0

  assert cost(step, MATRIX).flops == FLOPS


def test_backward_functions_count():
  variable = tf.Variable(tf.ones([4, 4]))

  def step(x):
    with tf.GradientTape() as tape:
      y = square(tf.matmul(x, variable))
    return tape.gradient(y, variable)

  # Forward the inner product only, as nothing needs the square itself;
  # backward two for the square and one for the inner product.
  assert cost(step, MATRIX).flops == 4 * FLOPS


def test_the_dearer_branch_counts_and_one_round_of_a_loop():
  def branch(x):
    if x[0, 0] > 0:
      return tf.matmul(x, x)
    return tf.matmul(tf.matmul(x, x), x)

  def loop(x):
    for _ in tf.range(9):
      x = tf.matmul(x, x)
    return x

  assert cost(branch, MATRIX).flops == 2 * FLOPS
  assert cost(loop, MATRIX).flops == FLOPS


def test_sizes_that_are_not_static_are_refused():
  found = cost(lambda x, y: (square(x), square(y)), MATRIX, tf.TensorSpec(None))
  assert (found.flops, found.num_unknown) == (FLOPS, 1)


def test_facts_are_named_for_people():
  assert cost(lambda x: tf.matmul(x, x), MATRIX).facts() == {
    'flops': FLOPS,
    'flops_unknown_ops': 0,
    'graph_nodes': 3,
    'graph_functions': 0,
    'graph_function_nodes': 0,
  }
