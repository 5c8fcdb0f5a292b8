"""Random architecture weights, by seed and progress, and their gradients.

A draw has a number within its step. Equal seeds, steps and numbers give equal
draws, on every replica and in a resumed search.

Reference:
  Jang et al., Gumbel-Softmax, https://arxiv.org/abs/1611.01144
  Maddison et al., Concrete, https://arxiv.org/abs/1611.00712
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from deeplab_nas.search.relaxed import arch_params, strategy

# Numbers of draws within a step are less.
_PER_STEP = 64
# The least that uniform numbers may be, so that they have a log.
SMALLEST = float(np.finfo(np.float32).tiny)


def key(seed: int, progress: strategy.Progress, number: int) -> tf.Tensor:
  """What stateless random functions take, int64 [2].

  Args:
    seed: Of the strategy.
    progress: Of the step.
    number: Of the draw within the step, below 64.
  """
  return tf.stack(
    [tf.constant(seed, tf.int64), _PER_STEP * progress.step + number]
  )


def gumbel(shape: Sequence[int], seed: tf.Tensor) -> tf.Tensor:
  """Standard Gumbel noise, float32 of that shape."""
  uniform = tf.random.stateless_uniform(shape, seed, SMALLEST)
  return -tf.math.log(-tf.math.log(uniform))


def concrete(
  params: arch_params.ArchParams,
  seed: int,
  progress: strategy.Progress,
  number: int,
  tau: tf.Tensor | float,
) -> tuple[tf.Tensor, tf.Tensor]:
  """A relaxed draw for each edge, and for the moves out of each node.

  Args:
    params: The logits.
    seed: Of the strategy.
    progress: Of the step.
    number: Of the draw within the step, below 32.
    tau: float32 [], the temperature.

  Returns:
    float32 [E, K] and [L, S, 3], normalised as `ArchWeights` are.
  """
  of_op, of_moves = (
    (logits + gumbel(logits.shape, key(seed, progress, 2 * number + part)))
    / tau
    for part, logits in enumerate((params.alpha, params.move_logits()))
  )
  return tf.nn.softmax(of_op), arch_params.transition_probs(
    of_moves, params.space.lattice
  )


def one_hot(scores: tf.Tensor, legal: np.ndarray | tf.Tensor) -> tf.Tensor:
  """1 at the largest legal score of each row, else 0: [..., N] from [..., N].

  Args:
    scores: float32 [..., N].
    legal: bool [..., N], what may be chosen; rows without any are 0.
  """
  size = scores.shape[-1]
  masked = tf.where(legal, scores, -float('inf'))
  chosen = tf.one_hot(tf.argmax(masked, -1), size)
  return tf.where(legal, chosen, 0.0)


def straight_through(hard: tf.Tensor, soft: tf.Tensor) -> tf.Tensor:
  """Exactly `hard`, with the gradient of `soft`."""
  return tf.stop_gradient(hard) + (soft - tf.stop_gradient(soft))


def temperature(
  progress: strategy.Progress, start: float, end: float
) -> tf.Tensor:
  """float32 [], from start to end in a line over the search."""
  return start + (end - start) * progress.fraction
