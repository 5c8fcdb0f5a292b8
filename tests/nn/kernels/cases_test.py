"""Branches that are called: the chosen one runs, and no other."""

import numpy as np
import tensorflow as tf

from deeplab_nas.nn.kernels import cases

_SCALAR = tf.TensorSpec([])


def test_the_function_of_the_index_is_the_one_that_runs():
  branches = [
    cases.traced(lambda x, i=i: [x + i, x * i], [_SCALAR]) for i in range(3)
  ]

  @tf.function
  def chosen(index, x):
    return cases.choose(index, branches, [x])

  for i in range(3):
    found = chosen(tf.constant(i), tf.constant(5.0))
    np.testing.assert_array_equal(found, [5 + i, 5 * i])
  np.testing.assert_array_equal(chosen(tf.constant(7), 5.0), [7, 10])


def test_a_choice_comes_after_what_is_taken_for_a_reference():
  branches = [cases.traced(lambda x: [x], [_SCALAR]) for _ in range(2)]

  @tf.function
  def chosen(index, x):
    return cases.choose(index, branches, [x])

  graph = chosen.get_concrete_function(tf.constant(0), tf.constant(1.0)).graph
  (choice,) = (op for op in graph.get_operations() if 'Case' in op.type)
  index, _ = choice.inputs
  named = index.op.get_attr('_refers_to').name
  with graph.as_default():
    x = getattr(tf.raw_ops, named)(shape=[], dtype=tf.float32)
  assert 'ref' in x.dtype.name


def test_resources_of_other_branches_stay():
  variables = [tf.Variable(0.0) for _ in range(2)]
  handles = [tf.TensorSpec([], tf.resource)] * 2

  def add(which, x, *handles):
    tf.raw_ops.AssignAddVariableOp(resource=handles[which], value=x)

  branches = [
    cases.traced(lambda *args, i=i: add(i, *args), [_SCALAR, *handles])
    for i in range(2)
  ]

  @tf.function
  def change(index):
    given = [tf.constant(3.0), *(v.handle for v in variables)]
    cases.choose(index, branches, given, is_stateful=True)

  change(tf.constant(1))
  assert [float(v) for v in variables] == [0, 3]


def test_a_called_function_is_that_function():
  function = cases.traced(lambda x: x**2, [_SCALAR])
  assert float(cases.call(function, [tf.constant(3.0)])[0]) == 9
  branch = cases.branch(lambda x: x**2, [_SCALAR])
  assert float(cases.call(branch, [tf.constant(4.0)])[0]) == 16
