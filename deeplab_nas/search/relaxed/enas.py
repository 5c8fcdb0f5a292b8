"""ENAS: a controller draws children that share the supernet's weights.

  grad E[L] ~ 1/N sum_i (L_i - b_i) / s  grad log p(child_i)   (REINFORCE)

with L the loss of a batch of half B and b a baseline. A weight step trains one
drawn child, as in Sec. 2.2 with M = 1.

Reference:
  Pham et al., ENAS, https://arxiv.org/abs/1802.03268
  Kool et al., Buy 4 REINFORCE samples, get a baseline for free!, for b,
  https://openreview.net/forum?id=r1lgTGL5DE
"""

from __future__ import annotations

from collections.abc import Mapping

import tensorflow as tf

from deeplab_nas.config import config as config_lib
from deeplab_nas.config import relaxed_strategies
from deeplab_nas.nn.kernels import replicas
from deeplab_nas.run import step_guard
from deeplab_nas.search.relaxed import attention_controller, by_logits, draws
from deeplab_nas.search.relaxed import baseline as baseline_lib
from deeplab_nas.search.relaxed import strategy as strategy_lib
from deeplab_nas.search.relaxed.scoring import candidates
from deeplab_nas.space import arch_weights, decode, genotype, search_space

# Of the losses: the least that their spread counts as. Where all children of
# the first steps are equal, it is rounding.
_LEAST_SPREAD = 1e-4


class Enas(tf.Module):
  """REINFORCE on a controller, with several children a step on one batch.

  The mode is what the controller takes to be the best at each decision.

  Differs from the paper:
  - The reward is minus the loss, in units of its own spread s among children, a
    moving average of the steps before: a loss has any scale, and an accuracy
    does not.
  - With several children, b of a child is the mean loss of the others, which
    had the same batch: how hard the batch is, and how far the weights have got,
    moves all losses far more than the choice of a child does. With one child it
    is the paper's moving average.
  - The bonus for entropy is a term of the objective, not of the reward.
  - A step of the controller follows every step of the weights, in place of
    epochs of each.
  - At the end the mode is taken; the paper scores some children on a batch.

  Attributes:
    controller: The distribution.
    optimizer: Of its weights.
    baseline: Moving average of losses, for one child a step.
    squares: Moving average of s^2.
    ops_per_edge: See `strategy.ByPaths`, as `compares_paths`.
  """

  ops_per_edge = 1
  compares_paths = True

  def __init__(
    self,
    space: search_space.SearchSpace,
    config: config_lib.SearchConfig,
    seed: int,
    settings: relaxed_strategies.EnasConfig,
  ):
    """Takes the settings in common and the strategy's own section."""
    super().__init__(name=config.strategy)
    self.space, self.seed, self.settings = space, seed, settings
    self._decode_score = config.decode
    self.controller = attention_controller.AttentionController(
      space, settings.num_units, settings.tanh_constant, seed
    )
    self.optimizer = tf.keras.optimizers.Adam(
      settings.learning_rate, beta_1=0.0, beta_2=0.999, epsilon=1e-3
    )
    self.optimizer.build([*self.learnt.values()])
    self.baseline, self.squares = (
      baseline_lib.Baseline(settings.baseline_decay) for _ in range(2)
    )

  @property
  def learnt(self) -> Mapping[str, tf.Variable]:
    """The controller's weights by number and name."""
    return {
      f'{i}_{v.name}': v
      for i, v in enumerate(self.controller.trainable_variables)
    }

  def draw(
    self, progress: strategy_lib.Progress, number: int, count: int
  ) -> attention_controller.Drawn:
    """So many children of a step.

    Args:
      progress: Of the step.
      number: Which of the draws of that step.
      count: N.
    """
    controller = self.controller
    shape = count, controller.num_decisions, controller.max_options
    noise = draws.gumbel(shape, draws.key(self.seed, progress, number))
    return controller.sample(count, noise)

  def sample(self, progress: strategy_lib.Progress) -> arch_weights.ArchWeights:
    drawn = self.draw(progress, by_logits.WEIGHT_DRAW, 1)
    return candidates.at(drawn.weights, 0)

  def mode(self) -> arch_weights.ArchWeights:
    return candidates.at(self.controller.greedy().weights, 0)

  def gradients(
    self, step: strategy_lib.ArchStep
  ) -> tuple[tf.Tensor, list[tf.Tensor]]:
    """The losses of the children, and what the optimizer descends.

    Returns:
      float32 [N], this replica's shares; and the gradients in the order of
      `learnt`, the same on all replicas.
    """
    count, variables = self.settings.num_children, [*self.learnt.values()]
    with tf.GradientTape(watch_accessed_variables=False) as tape:
      tape.watch(variables)
      drawn = self.draw(step.progress, by_logits.ARCH_DRAW, count)
    losses = candidates.losses(step, drawn.weights)
    totals = replicas.total(losses)
    excess = self.excess(totals)
    least = _LEAST_SPREAD * tf.abs(tf.reduce_mean(totals))
    slopes = tf.math.divide_no_nan(
      excess, count * tf.maximum(self.spread(excess), least)
    )
    bonus = tf.fill([count], -self.settings.entropy_weight / count)
    gradients = tape.gradient(
      [drawn.log_prob, drawn.entropy],
      variables,
      [slopes, bonus],
      unconnected_gradients='zero',  # of an embedding that nothing reads
    )
    return losses, replicas.agreed([*map(tf.convert_to_tensor, gradients)])

  def excess(self, losses: tf.Tensor) -> tf.Tensor:
    """How much more each child lost than could be expected, float32 [N]."""
    count = losses.shape[0]
    if count == 1:
      return self.baseline.excess(losses)
    mean = tf.reduce_mean(losses)
    return (losses - mean) * count / (count - 1)

  def spread(self, excess: tf.Tensor) -> tf.Tensor:
    """s, float32 []: of the steps before; at the first one its own."""
    own = tf.reduce_mean(excess**2)
    square = tf.where(self.squares.count > 0, self.squares.average, own)
    return tf.sqrt(square)

  def update(self, step: strategy_lib.ArchStep) -> tf.Tensor:
    losses, gradients = self.gradients(step)
    totals = replicas.total(losses)
    is_finite = step_guard.all_finite(tf.reduce_sum(losses), gradients)
    square = tf.reduce_mean(self.excess(totals) ** 2)
    if self.settings.num_children == 1:  # the first has nothing to exceed
      square = tf.where(self.baseline.count > 0, square, float('nan'))
    self.optimizer.apply_gradients(
      zip(step_guard.zero_unless(is_finite, gradients), self.learnt.values()),
      skip_gradients_aggregation=True,
    )
    self.squares.add(square / replicas.count())
    self.baseline.add(tf.reduce_mean(losses))
    return tf.where(is_finite, tf.reduce_mean(losses), float('nan'))

  def genotype(self) -> genotype.Genotype:
    weights = arch_weights.ArchWeights(*(x.numpy() for x in self.mode()))
    return decode.decode(weights, self.space, self._decode_score)
