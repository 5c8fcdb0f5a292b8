"""What strategies that descend a gradient of alpha and beta have in common."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import tensorflow as tf

from deeplab_nas import checked_fields
from deeplab_nas.config import config as config_lib
from deeplab_nas.nn.kernels import replicas
from deeplab_nas.run import step_guard
from deeplab_nas.search.relaxed import arch_params, cost_term
from deeplab_nas.search.relaxed import strategy as strategy_lib
from deeplab_nas.space import arch_weights, decode, genotype, search_space
from deeplab_nas.train import weight_decay

# Draws of one step that have nothing to do with each other: of its weight step
# and of its architecture step.
WEIGHT_DRAW, ARCH_DRAW = 0, 1


class ByLogits(tf.Module):
  """Adam on alpha, beta and gamma.

  A subclass says by `draw` which weights a step computes with, or by
  `gradients` what the optimizer gets. Without either this is first-order DARTS.

  Attributes:
    space: The search space.
    seed: Of all that is drawn.
    params: alpha and beta; with partial channels also gamma.
    optimizer: Their optimizer.
    weight_decay: wd of wd/2 |w|^2.
    on_gradients: Gets the gradients of every step, see `strategy.ByGradients`.
    costs: The term of the costs and their budget; None without one.
  """

  def __init__(
    self,
    space: search_space.SearchSpace,
    config: config_lib.SearchConfig,
    seed: int,
    settings: checked_fields.Section | None = None,
  ):
    """Takes the settings in common and the strategy's own section."""
    super().__init__(name=config.strategy)
    self.space = space
    self.seed = seed
    self.settings = settings
    self.weight_decay = config.arch_weight_decay
    self._decode_score = config.decode
    self.params = arch_params.ArchParams(space, config.arch_init_stddev, seed)
    self.optimizer = tf.keras.optimizers.Adam(
      config.arch_learning_rate,
      beta_1=config.arch_beta_1,
      beta_2=config.arch_beta_2,
    )
    self.optimizer.build(self.params.trainable_variables)
    self.on_gradients: Callable[..., None] | None = None
    self.costs: cost_term.CostTerm | None = None

  @property
  def learnt(self) -> Mapping[str, tf.Variable]:
    return self.params.by_name

  def draw(
    self, progress: strategy_lib.Progress, number: int
  ) -> arch_weights.ArchWeights:
    """The weights to compute with, differentiable in the logits.

    Args:
      progress: Of the step.
      number: Which of the draws of that step, from 0.
    """
    del progress, number
    return self.mode()

  def sample(self, progress: strategy_lib.Progress) -> arch_weights.ArchWeights:
    return self.draw(progress, WEIGHT_DRAW)

  def mode(self) -> arch_weights.ArchWeights:
    return self.params.weights()

  def gradients(
    self, step: strategy_lib.ArchStep
  ) -> tuple[tf.Tensor, list[tf.Tensor]]:
    """The loss of half B, and the gradients that the optimizer descends.

    Returns:
      float32 [], this replica's share; and the gradients of the loss in the
      order of `learnt`, summed over replicas.
    """
    variables = self.params.trainable_variables
    with tf.GradientTape(watch_accessed_variables=False) as tape:
      tape.watch(variables)
      value = step.loss(step.val, self.draw(step.progress, ARCH_DRAW))
    return value, replicas.totals(
      tape.gradient(value, variables, unconnected_gradients='zero')
    )

  def regularized(
    self, gradients: Sequence[tf.Tensor], variables: Sequence[tf.Tensor]
  ) -> list[tf.Tensor]:
    return [
      weight_decay.add_l2(gradient, variable, self.weight_decay)
      for gradient, variable in zip(gradients, variables)
    ]

  def update(self, step: strategy_lib.ArchStep) -> tf.Tensor:
    value, gradients = self.gradients(step)
    is_finite = step_guard.all_finite(value, gradients)
    gradients = step_guard.zero_unless(is_finite, gradients)
    descended = self.regularized(gradients, [*self.learnt.values()])
    others = ()
    agreed = replicas.agreed([*gradients, *descended])
    gradients, descended = agreed[: len(gradients)], agreed[len(gradients) :]
    if self.costs is not None:
      others = self.costs.gradients(self.mode, self.learnt, is_finite)
      descended = [a + b for a, b in zip(descended, others)]
    if getattr(self, 'on_gradients', None) is not None:
      self.on_gradients(gradients, *filter(None, [others]))
    self.optimizer.apply_gradients(
      zip(descended, self.params.trainable_variables),
      skip_gradients_aggregation=True,
    )
    return tf.where(is_finite, value, float('nan'))

  def genotype(self) -> genotype.Genotype:
    weights = arch_weights.ArchWeights(*(x.numpy() for x in self.mode()))
    if self.costs is not None:
      return self.costs.decode(weights, self._decode_score)
    return decode.decode(weights, self.space, self._decode_score)
