"""SNAS: architectures are drawn from a concrete distribution.

  Z = softmax((log alpha + G) / tau),   G_k = -log(-log(U_k))     (Eq. 6, 7)

One draw for each edge and each node, whose gradient is that of the relaxed
sample. tau falls, so that draws become one-hot.

Reference:
  Xie et al., SNAS, Sec. 2.2, https://arxiv.org/abs/1812.09926
"""

from __future__ import annotations

from deeplab_nas.search.relaxed import by_logits, draws
from deeplab_nas.search.relaxed import strategy as strategy_lib
from deeplab_nas.space import arch_weights


class Snas(by_logits.ByLogits):
  """Adam on alpha and beta under the loss of drawn weights.

  Differs from the paper: alpha and beta follow half B, with a draw of their
  own, where SNAS lets both learn from one batch and draw; and its resource
  loss is a budget, see `cost_term`.
  """

  def draw(
    self, progress: strategy_lib.Progress, number: int
  ) -> arch_weights.ArchWeights:
    tau = draws.temperature(
      progress, self.settings.temperature, self.settings.end_temperature
    )
    relaxed = draws.concrete(self.params, self.seed, progress, number, tau)
    return self.params.with_gamma(*relaxed)
