"""The replicas of a distributed step: sums over them, and what they share.

Everything here is the identity on one device.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator, Sequence

import tensorflow as tf

# Of variables that hold a replica's own statistics; who reads them elsewhere,
# as a checkpoint does, gets their mean.
OWN_STATISTICS = {
  'synchronization': tf.VariableSynchronization.ON_READ,
  'aggregation': tf.VariableAggregation.MEAN,
}

_local = threading.local()


def count() -> int:
  """Replicas of the step that is being computed; 1 outside of one."""
  if tf.distribute.in_cross_replica_context():
    return 1
  return tf.distribute.get_replica_context().num_replicas_in_sync


def state(name: str, value, dtype: tf.DType = tf.float32) -> tf.Variable:
  """A variable of a value that all replicas change alike, and none trains."""
  return tf.Variable(
    value,
    trainable=False,
    name=name,
    dtype=dtype,
    aggregation=tf.VariableAggregation.ONLY_FIRST_REPLICA,
  )


def total(x: tf.Tensor) -> tf.Tensor:
  """The sum of all replicas' tensors; its gradient is the sum of theirs."""
  if count() == 1:
    return x
  return tf.distribute.get_replica_context().all_reduce('SUM', x)


def totals(tensors: Sequence[tf.Tensor]) -> list[tf.Tensor]:
  """The same of several tensors, at once."""
  if count() == 1 or not tensors:
    return list(tensors)
  context = tf.distribute.get_replica_context()
  return list(context.all_reduce('SUM', list(tensors)))


def agreed(tensors: Sequence[tf.Tensor]) -> list[tf.Tensor]:
  """The first replica's tensors, on all replicas and without a gradient.

  For what all compute alike and then change variables by: TensorFlow rounds
  sums of three and more by which summand was there first, so that the replicas'
  copies would drift apart.

  Args:
    tensors: Of any shapes, in float types.
  """
  if count() == 1 or not tensors:
    return list(tensors)
  own = tf.distribute.get_replica_context().replica_id_in_sync_group
  is_first = tf.equal(own, 0)
  return totals(
    [tf.where(is_first, tf.stop_gradient(x), tf.zeros_like(x)) for x in tensors]
  )


def gathered(x: tf.Tensor) -> tf.Tensor:
  """All replicas' tensors of one shape [N, ...], as [R * N, ...].

  A sum with zeros for those of the others, and so with its gradient.
  """
  if count() == 1:
    return x
  own = tf.distribute.get_replica_context().replica_id_in_sync_group
  is_own = tf.one_hot(own, count(), dtype=x.dtype)  # [R]
  parts = total(tf.tensordot(is_own, x, axes=0))  # [R, N, ...]
  return tf.reshape(parts, tf.concat([[-1], tf.shape(x)[1:]], 0))


def own(variable: tf.Variable) -> tf.Variable:
  """This replica's copy of a variable, to read and to assign.

  For values that all replicas assign alike: nothing is exchanged.
  """
  if tf.distribute.in_cross_replica_context():
    return variable
  copies = tf.distribute.get_strategy().experimental_local_results(variable)
  # A number or, in a graph, a constant.
  replica = tf.get_static_value(
    tf.distribute.get_replica_context().replica_id_in_sync_group
  )
  return copies[replica % len(copies)]


@contextlib.contextmanager
def synchronized_norms(is_on: bool) -> Iterator[None]:
  """While this is open, batch norm takes statistics over all replicas.

  Replicas are traced in threads of their own, and so is this.
  """
  before = norms_are_to_synchronize()
  _local.is_on = is_on
  try:
    yield
  finally:
    _local.is_on = before


def norms_are_to_synchronize() -> bool:
  """Whether this thread is within `synchronized_norms`."""
  return getattr(_local, 'is_on', False)


def norms_are_synchronized() -> bool:
  """Whether statistics are to be taken over several replicas."""
  return norms_are_to_synchronize() and count() > 1
