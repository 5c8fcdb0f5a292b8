"""Kernels of a fast node that come from alpha and beta."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from deeplab_nas.nn import lean, mixed_op, node_layout


def of_linear(
  layout: node_layout.Layout, inputs: mixed_op.NodeInputs
) -> list[tf.Tensor]:
  """For each source [n, P]: alpha of its P skips and pools on its n edges.

  Empty if the cell has neither.
  """
  linear = layout.linear
  if not linear:
    return []
  edges_from = [edges for group in layout.groups for edges in group.by_source]
  at = [(edge, k) for edges in edges_from for edge in edges for k in linear]
  weights = lean.reshape(alpha(layout, inputs, at), [-1, len(linear)])
  return tf.split(weights, [len(edges) for edges in edges_from])


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
