"""The paper's strategy: gradient descent on alpha and beta, first order.

First order: the gradient does not pass through a step of the weights.

Reference:
  Auto-DeepLab, Sec. 4.2, https://arxiv.org/abs/1901.02985
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import tensorflow as tf

from deeplab_nas.config import config as config_lib
from deeplab_nas.nn.kernels import replicas
from deeplab_nas.run import step_guard
from deeplab_nas.search.relaxed import arch_params
from deeplab_nas.space import arch_weights, decode, genotype, search_space
from deeplab_nas.train import weight_decay


class FirstOrder(tf.Module):
  """Adam on alpha and beta under the loss of split B.

  Attributes:
    params: alpha and beta; with partial channels also gamma.
    optimizer: Their optimizer.
    weight_decay: wd of wd/2 |w|^2.
    on_gradients: Gets the gradients of every step, see `strategy.ByGradients`.
  """

  def __init__(
    self,
    space: search_space.SearchSpace,
    config: config_lib.SearchConfig,
    seed: int,
  ):
    super().__init__(name='first_order')
    self.space = space
    self.weight_decay = config.arch_weight_decay
    self._decode_score = config.decode
    self.params = arch_params.ArchParams(space, config.arch_init_stddev, seed)
    self.optimizer = tf.keras.optimizers.Adam(
      config.arch_learning_rate,
      beta_1=config.arch_beta_1,
      beta_2=config.arch_beta_2,
    )
    self.optimizer.build(self.params.trainable_variables)
    self.on_gradients: Callable[[Sequence[tf.Tensor]], None] | None = None

  @property
  def learnt(self) -> Mapping[str, tf.Variable]:
    return self.params.by_name

  def arch_weights(self) -> arch_weights.ArchWeights:
    return self.params.weights()

  def update(self, batch, loss) -> tf.Tensor:
    variables = self.params.trainable_variables
    with tf.GradientTape(watch_accessed_variables=False) as tape:
      tape.watch(variables)
      value = loss(batch, self.arch_weights())
    gradients = replicas.totals(
      tape.gradient(value, variables, unconnected_gradients='zero')
    )
    is_finite = step_guard.all_finite(value, gradients)
    gradients = step_guard.zero_unless(is_finite, gradients)
    if self.on_gradients is not None:
      self.on_gradients(gradients)
    gradients = [
      weight_decay.add_l2(gradient, variable, self.weight_decay)
      for gradient, variable in zip(gradients, variables)
    ]
    self.optimizer.apply_gradients(
      zip(gradients, variables), skip_gradients_aggregation=True
    )
    return tf.where(is_finite, value, float('nan'))

  def genotype(self) -> genotype.Genotype:
    op, edge = (weights.numpy() for weights in self.arch_weights())
    weights = arch_weights.ArchWeights(op, edge)
    return decode.decode(weights, self.space, self._decode_score)
