"""One of several functions, chosen while the graph runs.

TensorFlow inlines the branches of a condition, and then each node of each of
them is looked at in every step. Here a branch is a function that is called, and
made ready when it is called for the first time: those not chosen cost nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import tensorflow as tf

from deeplab_nas.nn.kernels import graph_ops

Function = tf.types.experimental.ConcreteFunction


def _as_it_is() -> bytes:
  """The session's settings of a function that is not optimised."""
  config = tf.compat.v1.ConfigProto()
  config.graph_options.rewrite_options.disable_meta_optimizer = True
  return config.SerializeToString()


_AS_IT_IS = _as_it_is()


def traced(function: Callable, signature: Sequence[tf.TensorSpec]) -> Function:
  """The function's graph, of no other graph's nodes and gradients."""
  with tf.init_scope():
    return tf.function(
      graph_ops.unrecorded(function),
      input_signature=signature,
      autograph=False,
      experimental_attributes={'_noinline': True},
    ).get_concrete_function()


def call(
  function: Function, inputs: Sequence[tf.Tensor]
) -> Sequence[tf.Tensor]:
  """A node that calls a function.

  The kernels of oneDNN, which alone have gradients of atrous convolutions, are
  put in place of TensorFlow's in what is called so, and not in a branch.
  """
  outputs = tf.raw_ops.PartitionedCall(
    args=inputs,
    Tout=[x.dtype for x in function.outputs],
    f=function,
    config_proto=_AS_IT_IS,
  )
  return outputs if isinstance(outputs, list) else [outputs]


def branch(function: Callable, signature: Sequence[tf.TensorSpec]) -> Function:
  """One to choose that has convolutions: it calls the function's graph."""
  computing = traced(function, signature)
  return traced(lambda *inputs: call(computing, inputs), signature)


def choose(
  index: tf.Tensor,
  branches: Sequence[Function],
  inputs: Sequence[tf.Tensor],
  is_stateful: bool = False,
) -> Sequence[tf.Tensor]:
  """What one of the functions returns; has no gradient.

  Args:
    index: int32 [], of the function; the last one if there is none such.
    branches: Functions of equal dtypes of inputs and of outputs.
    inputs: All their arguments, resources among them.
    is_stateful: Whether they read or change resources.
  """
  dtypes = [x.dtype for x in branches[0].outputs]
  index = _closed(index)
  case = tf.raw_ops.Case if is_stateful else tf.raw_ops.StatelessCase
  outputs = case(
    branch_index=index, input=inputs, Tout=dtypes, branches=branches
  )
  if not dtypes:
    return []
  return outputs if isinstance(outputs, list) else [outputs]


def _closed(index: tf.Tensor) -> tf.Tensor:
  """The index, of a node behind which the branches are not looked through.

  XLA's `EncapsulateSubgraphsPass`, which TensorFlow runs on each function with
  and without XLA, looks for reference variables: it instantiates what a node
  calls and all that is called in there, once more at each call. It leaves out
  nodes that come after a reference, and takes one that names an operation with
  such an output for a call of it.
  """
  if tf.executing_eagerly():
    return index
  index = tf.identity(index)
  name = tf.compat.v1.NameAttrList(name='TemporaryVariable')
  index.op._set_attr('_refers_to', tf.compat.v1.AttrValue(func=name))
  return index
