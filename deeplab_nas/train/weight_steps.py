"""What a weight step learns: all of a supernet, or what a sample touches.

All are SGD with momentum and L2 decay, clipped by the norm of all gradients
with decay. What a sample does not touch has no part in a step of it: it does
not decay, its momentum stays, and it does not count for the norm.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence

import tensorflow as tf

from deeplab_nas.nn.kernels import graph_ops, phases, replicas
from deeplab_nas.nn.supernet import supernet as supernet_lib
from deeplab_nas.nn.supernet.sampled import supernet as sampled_supernet
from deeplab_nas.space import arch_weights
from deeplab_nas.train import weight_decay


class FullStep:
  """A step of all weights.

  Attributes:
    watched: What gradients are taken of.
  """

  def __init__(
    self,
    supernet: supernet_lib.Supernet,
    arch: arch_weights.ArchWeights,
    optimizer: tf.keras.optimizers.SGD,
    decay: float,
  ):
    """Takes what it needs; nothing is computed."""
    self._supernet = supernet
    self._arch = arch
    self._optimizer = optimizer
    self._decay = decay
    self.watched = supernet.trainable_variables

  def logits(self, images: tf.Tensor) -> tf.Tensor:
    """Logits float32 [B, H, W, num_classes]; moves the statistics."""
    return self._supernet(images, self._arch, phases.WEIGHT_STEP)

  def descend(self, gradients: Sequence[tf.Tensor]) -> None:
    """Moves the weights by gradients of `watched`, summed over replicas."""
    decay = graph_ops.constant(self._decay, tf.float32)
    gradients = [
      weight_decay.add_l2(gradient, variable, decay)
      for gradient, variable in zip(gradients, self.watched)
    ]
    self._optimizer.apply_gradients(
      zip(gradients, self.watched), skip_gradients_aggregation=True
    )


class MaskedStep(FullStep):
  """A step of the weights that a one-hot sample touches; it computes all.

  It moves weights as a `SampledStep` does, where the whole supernet has to be
  computed: replicas cannot meet in what not all of them would. The statistics
  of all norms move.
  """

  def __init__(
    self,
    sampled: sampled_supernet.SampledSupernet,
    arch: arch_weights.ArchWeights,
    optimizer: tf.keras.optimizers.SGD,
    decay: float,
    learning_rate: tf.Tensor,
  ):
    """Nothing is computed but what is touched; arguments of `SampledStep`."""
    super().__init__(sampled.supernet, arch, optimizer, decay)
    self._learning_rate = learning_rate
    choice = sampled.choose(arch, phases.WEIGHT_STEP)
    self._masks = sampled.masks(choice)

  def descend(self, gradients: Sequence[tf.Tensor]) -> None:
    """Moves what is touched by gradients of `watched`, summed over replicas."""
    gradients = [
      _masked(weight_decay.add_l2(gradient, variable, self._decay), mask)
      for gradient, variable, mask in zip(gradients, self.watched, self._masks)
    ]
    velocities = _velocities(
      self._optimizer,
      self._learning_rate,
      self._optimizer.momentums,
      _clipped(self._optimizer, gradients),
    )
    for variable, momentum, velocity, mask in zip(
      self.watched, self._optimizer.momentums, velocities, self._masks
    ):
      replicas.own(variable).assign_add(_masked(velocity, mask))
      if mask is not None:
        velocity = tf.where(mask, velocity, momentum)
      replicas.own(momentum).assign(velocity)
    self._optimizer.iterations.assign_add(1)


class SampledStep:
  """A step of the weights that a one-hot sample touches.

  Attributes:
    watched: What gradients are taken of: the touched weights of cells, and all
      variables of stem and heads.
  """

  def __init__(
    self,
    sampled: sampled_supernet.SampledSupernet,
    arch: arch_weights.ArchWeights,
    optimizer: tf.keras.optimizers.SGD,
    decay: float,
    learning_rate: tf.Tensor,
  ):
    """Reads the touched weights.

    Args:
      sampled: Of the supernet.
      arch: The sample.
      optimizer: Whose momentum is used, and which counts the step.
      decay: wd of wd/2 |w|^2.
      learning_rate: float32 [].
    """
    self._sampled = sampled
    self._choice = sampled.choose(arch, phases.WEIGHT_STEP)
    self._optimizer = optimizer
    self._decay = decay
    self._learning_rate = learning_rate
    self._weights = sampled.read(self._choice)
    self._dense = sampled.dense(self._choice)
    self.watched = [*self._weights, *(variable for variable, _ in self._dense)]

  def logits(self, images: tf.Tensor) -> tf.Tensor:
    """Logits float32 [B, H, W, num_classes]; moves the statistics."""
    return self._sampled(images, self._choice, self._weights)

  def descend(self, gradients: Sequence[tf.Tensor]) -> None:
    """Moves what is touched by gradients of `watched`, summed over replicas."""
    momenta = self._momenta()
    variables = [variable for variable, _ in self._dense]
    parts = [*self._weights, *variables]
    masks = [None] * len(self._weights) + [mask for _, mask in self._dense]
    gradients = [
      _masked(weight_decay.add_l2(gradient, part, self._decay), mask)
      for gradient, part, mask in zip(gradients, parts, masks)
    ]
    gradients = _clipped(self._optimizer, gradients)
    moved = functools.partial(_velocities, self._optimizer, self._learning_rate)
    count = len(self._weights)
    before = self._sampled.read(self._choice, momenta)
    velocities = moved(before, gradients[:count])
    weights = list(map(tf.add, self._weights, velocities))
    self._sampled.write(self._choice, velocities, momenta)
    self._sampled.write(self._choice, weights)
    self._descend_dense(gradients[count:], momenta, moved)
    self._optimizer.iterations.assign_add(1)

  def _momenta(self):
    """From a variable to its momentum."""
    variables = self._sampled.supernet.trainable_variables
    by_variable = {
      variable.ref(): momentum
      for variable, momentum in zip(variables, self._optimizer.momentums)
    }
    return lambda variable: by_variable[variable.ref()]

  def _descend_dense(self, gradients, momenta, moved) -> None:
    """Moves stem and heads, under one condition what has the same mask."""
    groups = {}
    for (variable, mask), gradient in zip(self._dense, gradients):
      key = None if mask is None else mask.ref()
      groups.setdefault(key, (mask, []))[1].append((variable, gradient))

    def descend(group):
      for variable, gradient in group:
        momentum = momenta(variable)
        (velocity,) = moved([momentum], [gradient])
        replicas.own(momentum).assign(velocity)
        replicas.own(variable).assign_add(velocity)

    for mask, group in groups.values():
      if mask is None:
        descend(group)
      else:
        tf.cond(mask, lambda group=group: descend(group), lambda: None)


def _masked(x: tf.Tensor, mask: tf.Tensor | None) -> tf.Tensor:
  """What is touched, 0 in place of what is not."""
  return x if mask is None else tf.where(mask, x, 0.0)


def _clipped(
  optimizer: tf.keras.optimizers.SGD, gradients: Sequence[tf.Tensor]
) -> list[tf.Tensor]:
  """By the norm of all together, where the optimizer does."""
  if not optimizer.global_clipnorm:
    return list(gradients)
  return tf.clip_by_global_norm(gradients, optimizer.global_clipnorm)[0]


def _velocities(
  optimizer: tf.keras.optimizers.SGD,
  learning_rate: tf.Tensor,
  momenta: Sequence[tf.Tensor | tf.Variable],
  gradients: Sequence[tf.Tensor],
) -> list[tf.Tensor]:
  """What is added to weights, and kept."""
  return [
    optimizer.momentum * momentum - learning_rate * gradient
    for momentum, gradient in zip(momenta, gradients)
  ]
