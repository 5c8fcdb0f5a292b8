"""ProxylessNAS: binary gates, of which a step opens one for each choice.

  g = one_hot of i with probability p_i, p = softmax(alpha)            (Eq. 2)
  dL/dalpha_i ~ sum_j dL/dg_j p_j (delta_ij - p_i)                     (Eq. 4)

Three gradients:

  two_paths  Two operations are drawn by p, one of them is opened, and Eq. (4)
             is taken for these, as if there were no others, Sec. 3.2.1.
             Afterwards both logits are moved by one number, so that the
             probability of the two together is what it was.
  full       Eq. (4) for all operations, as BinaryConnect does.
  reinforce  (L - b) dlog p(g)/dalpha, Sec. 3.3.2, Eq. (9), with the loss for
             the reward and a moving average b.

Reference:
  Cai et al., ProxylessNAS, https://arxiv.org/abs/1812.00332
"""

from __future__ import annotations

import tensorflow as tf

from deeplab_nas import checked_fields
from deeplab_nas.config import config as config_lib
from deeplab_nas.nn.kernels import replicas
from deeplab_nas.search.relaxed import (
  arch_params,
  by_logits,
  drawn_paths,
  draws,
)
from deeplab_nas.search.relaxed import baseline as baseline_lib
from deeplab_nas.search.relaxed import strategy as strategy_lib
from deeplab_nas.space import search_space

TWO_PATHS, FULL, REINFORCE = 'two_paths', 'full', 'reinforce'
# Random numbers of a draw: of the pair, and of the gate that opens.
_PAIR, _GATE = range(2)


class Proxyless(drawn_paths.DrawnPaths):
  """Adam on alpha and beta under the loss of one operation for each edge.

  ProxylessNAS has no lattice: paths are drawn too, and learn by REINFORCE
  whatever the rule. Differs from the paper: latency is a budget, see
  `cost_term`, and the step's cost is the full supernet's.

  Attributes:
    rule: One of the three gradients, of alpha.
    baseline: Of REINFORCE for alpha; None for the other rules.
  """

  def __init__(
    self,
    space: search_space.SearchSpace,
    config: config_lib.SearchConfig,
    seed: int,
    settings: checked_fields.Section,
  ):
    super().__init__(space, config, seed, settings)
    self.rule = settings.gradient
    self.baseline = None
    if self.rule == REINFORCE:
      self.baseline = baseline_lib.Baseline(settings.baseline_decay)
    if self.rule == TWO_PATHS:
      # Logits go on after the optimizer, which random walks beside it do not.
      del self.on_gradients

  def draw_operations(
    self, progress: strategy_lib.Progress, number: int
  ) -> tf.Tensor:
    alpha = tf.convert_to_tensor(self.params.alpha)
    open_to = tf.ones(alpha.shape, bool)
    if self.rule == TWO_PATHS and number != by_logits.WEIGHT_DRAW:
      open_to = self._pair(progress, number)
    noise = self._noise(progress, number, _GATE)
    gates = draws.one_hot(alpha + noise, open_to)
    if self.rule == REINFORCE:
      return tf.stop_gradient(gates)
    return draws.straight_through(
      gates, arch_params.masked_softmax(alpha, open_to)
    )

  def gradients(
    self, step: strategy_lib.ArchStep
  ) -> tuple[tf.Tensor, list[tf.Tensor]]:
    value, gradients = super().gradients(step)
    if self.rule != REINFORCE:
      return value, gradients
    variables = self.params.trainable_variables
    op = self.draw_operations(step.progress, by_logits.ARCH_DRAW)
    with tf.GradientTape(watch_accessed_variables=False) as tape:
      tape.watch(variables)
      log_prob = tf.reduce_sum(op * tf.nn.log_softmax(self.params.alpha))
    excess = self.baseline.excess(replicas.total(value))
    scores = tape.gradient(log_prob, variables, unconnected_gradients='zero')
    return value, [a + excess * b for a, b in zip(gradients, scores)]

  def _noise(self, progress, number, use) -> tf.Tensor:
    key = draws.key(self.seed, progress, 2 * number + use)
    return draws.gumbel(self.params.alpha.shape, key)

  def _pair(self, progress, number) -> tf.Tensor:
    """The two that are drawn by p without replacement, bool; all, if fewer."""
    scores = self.params.alpha + self._noise(progress, number, _PAIR)
    first = draws.one_hot(scores, tf.ones(scores.shape, bool)) > 0
    return first | (draws.one_hot(scores, ~first) > 0)

  def update(self, step: strategy_lib.ArchStep) -> tf.Tensor:
    if self.rule != TWO_PATHS:
      value = super().update(step)
      if self.baseline is not None:
        self.baseline.add(value)
      return value
    alpha = self.params.alpha
    pair = self._pair(step.progress, by_logits.ARCH_DRAW)
    before = tf.identity(alpha)
    value = super().update(step)
    replicas.own(alpha).assign(moved_together(before, alpha, pair))
    return value


def moved_together(
  old: tf.Tensor, new: tf.Tensor, pair: tf.Tensor
) -> tf.Tensor:
  """The new logits of a pair, whose share of the softmax is the old one's.

  Args:
    old: float32 [..., N].
    new: float32 [..., N], after a step.
    pair: bool [..., N], those that may have moved; the others are as before.
  """
  mass = [
    tf.reduce_logsumexp(tf.where(pair, x, -1e9), -1, keepdims=True)
    for x in (old, tf.convert_to_tensor(new))
  ]
  return tf.where(pair, new + (mass[0] - mass[1]), old)
