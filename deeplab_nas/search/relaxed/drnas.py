"""DrNAS: the weights of each edge are drawn from a Dirichlet distribution.

  theta ~ Dir(c),  c = ELU(alpha) + 1                              (Sec. 3.1)
  min_c  E[L_val(w, theta)] + lambda d(c, 1)                       (Eq. 2)

The gradient is that of the draw, pathwise. Draws of Gamma(c) are those of
Gamma(c + 1) times U^(1/c), in logs, so that small c do no harm; d is the
Kullback-Leibler divergence from the uniform Dir(1), as in the authors' code.

Reference:
  Chen et al., DrNAS, Sec. 3, https://arxiv.org/abs/2006.10355
  Figurnov et al., implicit reparameterization,
  https://arxiv.org/abs/1805.08498 (TensorFlow's gradient of Gamma draws)
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from deeplab_nas.search.relaxed import arch_params, by_logits, draws
from deeplab_nas.search.relaxed import strategy as strategy_lib
from deeplab_nas.space import arch_weights


class Drnas(by_logits.ByLogits):
  """Adam on alpha and beta, the logs of concentrations below 1.

  `mode` is the mean of the distributions; with global paths, the path's is that
  of the mean weights before they are normalised. Differs from the paper: the
  search has one stage, not two of which the second has fewer operations and
  more channels; `space.partial_channels` is a setting of its own. With d alpha
  and beta have no decay, as in the authors' code; there d is an option, and the
  default is decay alone, `drnas.kl_weight=0` here.
  """

  @staticmethod
  def to_logits(logits: np.ndarray) -> np.ndarray:
    """Those of a softmax that gives the mean of the distribution."""
    return log_concentration(tf.constant(logits, tf.float32)).numpy()

  def draw(
    self, progress: strategy_lib.Progress, number: int
  ) -> arch_weights.ArchWeights:
    return self._normalized(
      *(
        log_gamma_draw(
          log_concentration(logits),
          draws.key(self.seed, progress, 4 * number + 2 * part),
          draws.key(self.seed, progress, 4 * number + 2 * part + 1),
        )
        for part, logits in enumerate((self.params.alpha, self.params.beta))
      )
    )

  def mode(self) -> arch_weights.ArchWeights:
    return self._normalized(
      log_concentration(self.params.alpha), log_concentration(self.params.beta)
    )

  def _normalized(self, op, moves) -> arch_weights.ArchWeights:
    """From logs of what is to be normalised."""
    return self.params.with_gamma(
      tf.nn.softmax(op),
      arch_params.transition_probs(
        self.params.move_logits(moves), self.space.lattice
      ),
    )

  def regularized(
    self, gradients: Sequence[tf.Tensor], variables: Sequence[tf.Tensor]
  ) -> list[tf.Tensor]:
    if not self.settings.kl_weight:
      return super().regularized(gradients, variables)
    variables = [*map(tf.convert_to_tensor, variables)]
    with tf.GradientTape(watch_accessed_variables=False) as tape:
      tape.watch(variables)
      distance = self.settings.kl_weight * self.distance(*variables[:2])
    added = tape.gradient(distance, variables, unconnected_gradients='zero')
    return [gradient + other for gradient, other in zip(gradients, added)]

  def distance(self, alpha: tf.Tensor, beta: tf.Tensor) -> tf.Tensor:
    """The sum of the divergences of all edges and nodes, float32 [].

    Args:
      alpha: float32 [..., E, K].
      beta: float32 [..., L, S, 3].
    """
    return tf.add_n(
      [
        tf.reduce_sum(divergence(log_concentration(x), legal))
        for x, legal in (
          (alpha, tf.ones(alpha.shape, bool)),
          (beta, tf.constant(self.space.lattice.legal)),
        )
      ]
    )


def log_concentration(logits: tf.Tensor) -> tf.Tensor:
  """log(ELU(x) + 1), of the shape of x."""
  return tf.math.log1p(tf.nn.relu(logits)) + tf.minimum(logits, 0.0)


def log_gamma_draw(
  log_concentration: tf.Tensor, seed: tf.Tensor, other: tf.Tensor
) -> tf.Tensor:
  """Logs of draws from Gamma(c), differentiable in c.

  Args:
    log_concentration: float32 [...], log c.
    seed: int64 [2].
    other: int64 [2], independent of it.
  """
  concentration = tf.exp(log_concentration)
  shape = log_concentration.shape
  larger = tf.random.stateless_gamma(shape, seed, concentration + 1)
  uniform = -tf.math.log(
    tf.random.stateless_uniform(shape, other, draws.SMALLEST)
  )
  return tf.math.log(larger) - uniform * tf.exp(-log_concentration)


def divergence(log_concentration: tf.Tensor, legal: tf.Tensor) -> tf.Tensor:
  """KL(Dir(c) || Dir(1)) of each row, float32 [...] from [..., N].

  Args:
    log_concentration: float32 [..., N], log c.
    legal: bool [..., N], entries that a row's distribution has.
  """
  concentration = tf.where(legal, tf.exp(log_concentration), 1.0)
  total = tf.reduce_sum(tf.where(legal, concentration, 0.0), -1, True)
  exists = tf.reduce_any(legal, -1)
  total = tf.where(exists[..., tf.newaxis], total, 1.0)
  count = tf.reduce_sum(tf.cast(legal, tf.float32), -1)
  terms = (concentration - 1) * (
    tf.math.digamma(concentration) - tf.math.digamma(total)
  ) - tf.math.lgamma(concentration)
  found = (
    tf.math.lgamma(total[..., 0])
    - tf.math.lgamma(tf.maximum(count, 1.0))
    + tf.reduce_sum(tf.where(legal, terms, 0.0), -1)
  )
  return tf.where(exists, found, 0.0)
