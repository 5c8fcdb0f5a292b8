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
from deeplab_nas.nn.supernet import path_flow
from deeplab_nas.search.relaxed import arch_params, by_logits, draws
from deeplab_nas.search.relaxed import baseline as baseline_lib
from deeplab_nas.search.relaxed import strategy as strategy_lib
from deeplab_nas.space import arch_weights, search_space

TWO_PATHS, FULL, REINFORCE = 'two_paths', 'full', 'reinforce'
# Random numbers of a draw: of the pair, and of the gate that opens.
_PAIR, _GATE = range(2)


class Proxyless(by_logits.ByLogits):
  """Adam on alpha and beta under the loss of one operation for each edge.

  A move is drawn for each node in the same way, and those that the stem leads
  to are the path. Differs from the paper: latency is a budget, see `cost_term`,
  and the step's cost is the full supernet's.

  Attributes:
    rule: One of the three gradients.
    baseline: Of REINFORCE; None for the others.
  """

  ops_per_edge = 1

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

  def draw(
    self, progress: strategy_lib.Progress, number: int
  ) -> arch_weights.ArchWeights:
    op, moves = (self._gates(part, progress, number) for part in range(2))
    return self._weights(op, moves)

  def _weights(self, op, moves) -> arch_weights.ArchWeights:
    grid = self.space.lattice
    return self.params.with_gamma(
      op, path_flow.through_transitions(moves, grid)
    )

  def _logits(self, part: int) -> tuple[tf.Tensor, tf.Tensor]:
    """Those of operations (0) or moves (1), and which are legal."""
    if part:
      logits = self.params.move_logits()
      return logits, tf.constant(self.space.lattice.legal)
    return self.params.alpha, tf.ones(self.params.alpha.shape, bool)

  def _noise(self, part, progress, number, use) -> tf.Tensor:
    key = draws.key(self.seed, progress, 4 * number + 2 * part + use)
    return draws.gumbel(self._logits(part)[0].shape, key)

  def _gates(self, part, progress, number) -> tf.Tensor:
    """One-hot, with the gradient of Eq. (4)."""
    logits, legal = self._logits(part)
    if self.rule == TWO_PATHS and number != by_logits.WEIGHT_DRAW:
      legal = self._pair(part, progress, number)
    noise = self._noise(part, progress, number, _GATE)
    gates = draws.one_hot(logits + noise, legal)
    return draws.straight_through(
      gates, arch_params.masked_softmax(logits, legal)
    )

  def _pair(self, part, progress, number) -> tf.Tensor:
    """The two that are drawn by p without replacement, bool; all, if fewer."""
    logits, legal = self._logits(part)
    scores = logits + self._noise(part, progress, number, _PAIR)
    first = draws.one_hot(scores, legal) > 0
    return first | (draws.one_hot(scores, legal & ~first) > 0)

  def gradients(
    self, step: strategy_lib.ArchStep
  ) -> tuple[tf.Tensor, list[tf.Tensor]]:
    if self.rule != REINFORCE:
      return super().gradients(step)
    variables = self.params.trainable_variables
    with tf.GradientTape(
      watch_accessed_variables=False, persistent=True
    ) as tape:
      tape.watch(variables)
      op, moves = (
        tf.stop_gradient(self._gates(part, step.progress, by_logits.ARCH_DRAW))
        for part in range(2)
      )
      weights = self._weights(op, moves)
      value = step.loss(step.val, weights)
      log_prob = self.log_prob(op, weights.transition)
    excess = self.baseline.excess(replicas.total(value))
    by_loss = tape.gradient(value, variables, unconnected_gradients='zero')
    scores = tape.gradient(log_prob, variables, unconnected_gradients='zero')
    return value, [
      of_loss + excess * score  # gamma alone has a gradient of the loss
      for of_loss, score in zip(replicas.totals(by_loss), scores)
    ]

  def log_prob(self, op: tf.Tensor, transition: tf.Tensor) -> tf.Tensor:
    """Log probability of one-hot operations and of a path, float32 []."""
    return tf.add_n(
      [
        tf.reduce_sum(
          chosen * arch_params.masked_log_softmax(*self._logits(part))
        )
        for part, chosen in enumerate((op, transition))
      ]
    )

  def update(self, step: strategy_lib.ArchStep) -> tf.Tensor:
    if self.rule != TWO_PATHS:
      value = super().update(step)
      if self.baseline is not None:
        self.baseline.add(value)
      return value
    number = by_logits.ARCH_DRAW
    # With global paths other logits share in the probability of a move.
    num_parts = 1 if self.space.has_global_paths else 2
    drawn = [
      (*self._logits(part), self._pair(part, step.progress, number))
      for part in range(num_parts)
    ]
    before = [tf.identity(logits) for logits, _, _ in drawn]
    value = super().update(step)
    for (logits, _, pair), old in zip(drawn, before):
      replicas.own(logits).assign(moved_together(old, logits, pair))
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
