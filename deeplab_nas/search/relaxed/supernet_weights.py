"""The weights of a supernet in a step of the architecture."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence

import tensorflow as tf

from deeplab_nas.nn.kernels import replicas
from deeplab_nas.search.relaxed import strategy
from deeplab_nas.space import arch_weights


class SupernetWeights:
  """The `strategy.Weights` of a model.

      weights = SupernetWeights(variables, lambda: 0.1, loss)
      found = weights.gradient(batch, arch)
      with weights.shifted(found.weights, -weights.learning_rate):
        ahead = weights.gradient(batch, arch)   # after a virtual step of SGD

  Attributes:
    variables: All that a weight step learns.
    learning_rate: float32 [], of the next weight step.
  """

  def __init__(
    self,
    variables: Sequence[tf.Variable],
    learning_rate: Callable[[], tf.Tensor],
    loss: strategy.Loss,
  ):
    """Takes what it needs; nothing is computed.

    Args:
      variables: All that a weight step learns.
      learning_rate: Gives that of the next weight step, float32 [].
      loss: As in `ArchStep`, but with a gradient of the weights too.
    """
    self.variables = variables
    self._learning_rate = learning_rate
    self._loss = loss

  @property
  def learning_rate(self) -> tf.Tensor:
    return tf.convert_to_tensor(self._learning_rate())

  def gradient(
    self, batch: strategy.Batch, arch: arch_weights.ArchWeights
  ) -> strategy.Gradients:
    """See `strategy.Weights`."""
    arch = arch_weights.ArchWeights(*map(tf.convert_to_tensor, arch))
    with tf.GradientTape(watch_accessed_variables=False) as tape:
      tape.watch(self.variables)
      tape.watch(arch)
      loss = self._loss(batch, arch)
    found = tape.gradient(
      loss, [*self.variables, *arch], unconnected_gradients='zero'
    )
    *of_weights, op, transition = replicas.totals(found)
    return strategy.Gradients(
      loss, of_weights, arch_weights.ArchWeights(op, transition)
    )

  @contextlib.contextmanager
  def shifted(
    self, deltas: Sequence[tf.Tensor], scale: tf.Tensor | float
  ) -> Iterator[None]:
    """See `strategy.Weights`."""
    own = [replicas.own(variable) for variable in self.variables]
    before = [tf.identity(variable) for variable in own]
    try:
      for variable, delta in zip(own, deltas):
        variable.assign_add(scale * delta)
      yield
    finally:
      for variable, value in zip(own, before):
        variable.assign(value)
