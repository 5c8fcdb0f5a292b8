"""DARTS of second order: the gradient passes through a step of the weights.

  d/da L_val(w - xi dL_train(w, a)/dw, a)
    = dL_val(w', a)/da - xi d2L_train(w, a)/da dw . dL_val(w', a)/dw'     (7)
  where the product is a finite difference over w+- = w +- eps dL_val/dw':
    (dL_train(w+, a)/da - dL_train(w-, a)/da) / (2 eps)                   (8)

Reference:
  Liu et al., DARTS, Sec. 2.3, https://arxiv.org/abs/1806.09055
"""

from __future__ import annotations

import tensorflow as tf

from deeplab_nas.nn.kernels import replicas
from deeplab_nas.search.relaxed import by_logits
from deeplab_nas.search.relaxed import strategy as strategy_lib
from deeplab_nas.space import arch_weights

_SMALLEST = 1e-12  # norm of a gradient, by which is divided


class SecondOrder(by_logits.ByLogits):
  """Adam on alpha and beta under the loss of half B after a virtual step.

  The virtual step is Eq. (7)'s: plain SGD at the rate xi of the next weight
  step. Differs from the authors' code, whose virtual step has momentum and
  weight decay too.
  """

  def gradients(
    self, step: strategy_lib.ArchStep
  ) -> tuple[tf.Tensor, list[tf.Tensor]]:
    variables = self.params.trainable_variables
    with tf.GradientTape(watch_accessed_variables=False) as tape:
      tape.watch(variables)
      arch = self.draw(step.progress, by_logits.ARCH_DRAW)
    value, of_arch = self._of_arch(
      step, tf.nest.map_structure(tf.stop_gradient, arch)
    )
    found = tape.gradient(
      arch, variables, of_arch, unconnected_gradients='zero'
    )
    return value, found

  def _of_arch(
    self, step: strategy_lib.ArchStep, arch: arch_weights.ArchWeights
  ) -> tuple[tf.Tensor, arch_weights.ArchWeights]:
    """The loss of half B, and Eq. (7) with a for the architecture weights."""
    weights, xi = step.weights, step.weights.learning_rate
    train = weights.gradient(step.train, arch)
    with weights.shifted(train.weights, -xi):
      ahead = weights.gradient(step.val, arch)
    norm = tf.maximum(tf.linalg.global_norm(ahead.weights), _SMALLEST)
    epsilon = self.settings.perturbation / norm
    ends = []
    for scale in (epsilon, -epsilon):
      with weights.shifted(ahead.weights, scale):
        ends.append(_gradient(step.loss, step.train, arch))
    plus, minus = ends
    return ahead.loss, arch_weights.ArchWeights(
      *(
        a - xi * (p - m) / (2 * epsilon)
        for a, p, m in zip(ahead.arch, plus, minus)
      )
    )


def _gradient(
  loss: strategy_lib.Loss,
  batch: strategy_lib.Batch,
  arch: arch_weights.ArchWeights,
) -> list[tf.Tensor]:
  """Of the architecture weights, summed over replicas."""
  with tf.GradientTape(watch_accessed_variables=False) as tape:
    tape.watch(arch)
    value = loss(batch, arch)
  return replicas.totals(
    tape.gradient(value, [*arch], unconnected_gradients='zero')
  )
