"""The kernels of a fast node, laid out once for all that reads them."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from deeplab_nas.nn import lean, mixed_op, node_layout


def laid_out(
  layout: node_layout.Layout, inputs: mixed_op.NodeInputs
) -> dict[node_layout.Key, tf.Tensor]:
  """Kernels as the convolutions take them, in the dtype of the states.

  Those of separable convolutions are repeated for each transition: (edge,
  transition, channel).
  """
  weights = tf.cast(inputs.weights, inputs.prev_prev.dtype)
  if not layout.repeated:
    return layout.unpack(weights, layout.whole)
  num_repeated = sum(map(layout.size, layout.repeated))
  whole, repeated = tf.split(
    weights, [layout.num_weights - num_repeated, num_repeated]
  )
  num_transitions = layout.shape.num_transitions
  repeated = lean.reshape(repeated, [-1, layout.shape.mixed_filters])
  repeated = lean.tile_channels(repeated, num_transitions)
  return layout.unpack(whole, layout.whole) | layout.unpack(
    lean.reshape(repeated, [-1]), layout.repeated, num_transitions
  )


def of_linear(
  layout: node_layout.Layout, inputs: mixed_op.NodeInputs
) -> list[tf.Tensor]:
  """For each source [n, P]: alpha of its P skips and pools on its n edges.

  Empty if the cell has neither.
  """
  linear = layout.linear
  if not linear:
    return []
  at = [
    [(edge, k) for edge in edges for k in linear] for edges in layout.edges_from
  ]
  weights = alpha(layout, inputs, sum(at, []))
  weights = lean.reshape(weights, [-1, len(linear)])
  return tf.split(weights, [len(edges) for edges in layout.edges_from])


def of_transitions(
  layout: node_layout.Layout, inputs: mixed_op.NodeInputs
) -> tf.Tensor:
  """[1, 1, T*C, num_blocks*C]: beta, for each block alike."""
  filters = layout.shape.filters
  kernel = lean.reshape(inputs.beta, [-1, 1, 1]) * _identity(filters)
  kernel = lean.reshape(kernel, [1, 1, -1, filters])
  kernel = tf.cast(kernel, inputs.prev_prev.dtype)
  return lean.tile_channels(kernel, layout.shape.cell.num_blocks)


def alpha(
  layout: node_layout.Layout,
  inputs: mixed_op.NodeInputs,
  at: list[tuple[int, int]],
) -> tf.Tensor:
  """The weights of (edge, operator) pairs, float32 [N]."""
  edges, operators = np.transpose(at)
  flat = edges * len(layout.operators) + operators
  return lean.gather(lean.reshape(inputs.op, [-1]), flat.tolist())


def _identity(filters: int) -> tf.Tensor:
  return tf.constant(np.eye(filters, dtype=np.float32))
