"""GDAS: one operation for each edge, drawn by a straight-through Gumbel.

Forward, the weights are one-hot, h = one_hot(argmax h~). Backward, they are
h~ = softmax((log p + G) / tau)                                    (Eq. 3 - 5)

Reference:
  Dong and Yang, GDAS, Sec. 3.2, https://arxiv.org/abs/1910.04465
"""

from __future__ import annotations

import tensorflow as tf

from deeplab_nas.search.relaxed import drawn_paths, draws
from deeplab_nas.search.relaxed import strategy as strategy_lib


class Gdas(drawn_paths.DrawnPaths):
  """Adam on alpha and beta under the loss of drawn operations and a path.

  As in the paper all edges of the cell are computed, each by one operation.
  GDAS has no lattice: paths are drawn too, and learn by REINFORCE.
  """

  def draw_operations(
    self, progress: strategy_lib.Progress, number: int
  ) -> tf.Tensor:
    tau = draws.temperature(
      progress, self.settings.temperature, self.settings.end_temperature
    )
    soft, _ = draws.concrete(self.params, self.seed, progress, number, tau)
    hard = draws.one_hot(soft, tf.ones(soft.shape, bool))
    return draws.straight_through(hard, soft)
