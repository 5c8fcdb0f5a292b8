"""Scheduled drop path: whole operations of a cell are left out in training.

Reference:
  Zoph et al., NASNet, Sec. A.5, https://arxiv.org/abs/1707.07012
  Auto-DeepLab, Table 3, https://arxiv.org/abs/1901.02985
"""

from __future__ import annotations

import tensorflow as tf

from deeplab_nas.nn.network import step_random


class ScheduledDropPath(tf.keras.layers.Layer):
  """Zeroes its input for some images of a batch, in training only.

  The rest is divided by the probability to stay, so that the mean is kept. That
  probability falls linearly from 1 to `keep_prob` as training proceeds.

  Attributes:
    keep_prob: Probability to stay at the end of training, in (0, 1].
    progress: float32 variable [], share of the training that is done, 0 to 1.
  """

  def __init__(self, keep_prob: float, progress: tf.Variable):
    super().__init__()
    self.keep_prob = keep_prob
    self.progress = progress
    self._random = step_random.StepRandom(progress)

  def call(
    self, x: tf.Tensor, training: bool = False, index: int = 0
  ) -> tf.Tensor:
    """Drops images of [B, H, W, C]; `index` numbers the calls of a step."""
    if not training or self.keep_prob == 1:
      return x
    keep_prob = 1 - self.progress * (1 - self.keep_prob)
    draws = self._random.uniform(x, [1, 1, 1], index)
    return step_random.kept(x, draws, keep_prob)


def cell_keep_prob(keep_prob: float, cell_index: int, num_cells: int) -> float:
  """The end probability of one cell: 1 at the image, `keep_prob` in the last.

  Args:
    keep_prob: Of the last cell, in (0, 1].
    cell_index: Counted from 0.
    num_cells: Cells of the network.
  """
  return 1 - (cell_index + 1) / num_cells * (1 - keep_prob)
