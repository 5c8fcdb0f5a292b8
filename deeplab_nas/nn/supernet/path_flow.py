"""How much of the weight of all paths passes each place of the lattice.

The forward pass of the forward-backward algorithm, over moves that are
normalised at each node: `space.decoding.path_logits` has the backward one.
"""

from __future__ import annotations

import tensorflow as tf

from deeplab_nas.space import lattice as lattice_lib


def through_transitions(
  moves: tf.Tensor, lattice: lattice_lib.Lattice
) -> tf.Tensor:
  """How much of the stem's weight passes each transition.

  With one-hot moves these are 1 on one path through the lattice and 0 off it.

  Args:
    moves: float32 [L, S, 3]; rows of nodes that exist sum to 1.
    lattice: Of which the moves are.

  Returns:
    float32 [L, S, 3], of each layer sums to 1.
  """
  arrived = tf.one_hot(lattice_lib.STEM.level, lattice.num_levels)  # [S]
  layers = []
  for layer in range(lattice.num_layers):
    flow = arrived[:, tf.newaxis] * moves[layer]  # [S, 3]
    layers.append(flow)
    arrived = _arrived(flow)
  return tf.stack(layers)


def posterior(
  moves: tf.Tensor, lattice: lattice_lib.Lattice
) -> tuple[tf.Tensor, tf.Tensor]:
  """Where paths through a node come from, and where they end.

  Args:
    moves: See `through_transitions`.
    lattice: Of which the moves are.

  Returns:
    float32 [L, S, 3], P(transition | node that it enters), which sum to 1 over
    the transitions into a node, and are 0 where no path comes; and float32 [S],
    P(level of the last layer).
  """
  flows = through_transitions(moves, lattice)
  targets, layers = None, []
  for flow in tf.unstack(flows):
    targets = _arrived(flow)  # [S]
    # By source and move: the level above, its own, the level below.
    entered = tf.stack(
      [
        tf.pad(targets[:-1], [[1, 0]]),
        targets,
        tf.pad(targets[1:], [[0, 1]]),
      ],
      axis=-1,
    )
    layers.append(tf.math.divide_no_nan(flow, entered))
  return tf.stack(layers), targets


def _arrived(flow: tf.Tensor) -> tf.Tensor:
  """Weight of each level of the next layer, [S] from [S, 3]."""
  up, same, down = tf.unstack(flow, axis=-1)
  return same + tf.pad(up[1:], [[0, 1]]) + tf.pad(down[:-1], [[1, 0]])
