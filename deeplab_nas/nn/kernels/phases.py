"""What a pass through the supernet is for, and so what it may change.

A weight step normalises with the statistics of the batch, gives the weights a
gradient and moves the moving statistics. An architecture step normalises the
same way, and leaves weights and moving statistics as they are. A look ahead is
a weight step's gradient and no more: nothing moves. These are three independent
facts, and every layer gets all of them at once.
"""

from __future__ import annotations

from typing import NamedTuple


class Phase(NamedTuple):
  """Facts of a pass, Python booleans that a graph is traced for.

  Attributes:
    training: Whether batch norm takes the statistics of the batch, not the
      moving ones.
    weights_learn: Whether the weights of the cells get a gradient.
    statistics_move: Whether the moving statistics take in those of the batch;
      no effect unless `training`.
  """

  training: bool
  weights_learn: bool
  statistics_move: bool


WEIGHT_STEP = Phase(True, weights_learn=True, statistics_move=True)
ARCH_STEP = Phase(True, weights_learn=False, statistics_move=False)
# What a weight step would do, without doing it.
LOOK_AHEAD = Phase(True, weights_learn=True, statistics_move=False)
# Whoever asks for gradients with the moving statistics gets them.
INFERENCE = Phase(False, weights_learn=True, statistics_move=False)
