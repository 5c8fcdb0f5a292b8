"""GDAS: one operation for each edge, drawn by a straight-through Gumbel.

Forward, the weights are one-hot, h = one_hot(argmax h~). Backward, they are
h~ = softmax((log p + G) / tau)                                    (Eq. 3 - 5)

Reference:
  Dong and Yang, GDAS, Sec. 3.2, https://arxiv.org/abs/1910.04465
"""

from __future__ import annotations

import tensorflow as tf

from deeplab_nas.nn.supernet import path_flow
from deeplab_nas.search.relaxed import by_logits, draws
from deeplab_nas.search.relaxed import strategy as strategy_lib
from deeplab_nas.space import arch_weights


class Gdas(by_logits.ByLogits):
  """Adam on alpha and beta under the loss of drawn operations and a path.

  A move is drawn for each node of the lattice in the same way, and those that
  the stem leads to are the path; GDAS has no lattice. As in the paper all edges
  of the cell are computed, each by one operation.
  """

  ops_per_edge = 1

  def draw(
    self, progress: strategy_lib.Progress, number: int
  ) -> arch_weights.ArchWeights:
    tau = draws.temperature(
      progress, self.settings.temperature, self.settings.end_temperature
    )
    op, moves = draws.concrete(self.params, self.seed, progress, number, tau)
    grid = self.space.lattice
    op, moves = (
      draws.straight_through(draws.one_hot(soft, legal), soft)
      for soft, legal in ((op, tf.ones(op.shape, bool)), (moves, grid.legal))
    )
    return self.params.with_gamma(
      op, path_flow.through_transitions(moves, grid)
    )
