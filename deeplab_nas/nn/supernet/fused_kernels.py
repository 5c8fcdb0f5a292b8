"""Kernels of a fast node that come from alpha and beta."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from deeplab_nas.nn.kernels import graph_ops
from deeplab_nas.nn.supernet import layout as layout_lib
from deeplab_nas.nn.supernet import reference_node


def of_linear(
  layout: layout_lib.Layout, inputs: reference_node.NodeInputs
) -> list[tf.Tensor]:
  """For each source [n, P]: alpha of its P skips and pools on its n edges.

  Empty if the cell has neither.
  """
  linear = layout.linear
  if not linear:
    return []
  edges_from = [edges for group in layout.groups for edges in group.by_source]
  at = [(edge, k) for edges in edges_from for edge in edges for k in linear]
  weights = graph_ops.reshape(alpha(layout, inputs, at), [-1, len(linear)])
  return tf.split(weights, [len(edges) for edges in edges_from])


def of_transitions(
  layout: layout_lib.Layout, inputs: reference_node.NodeInputs
) -> tf.Tensor:
  """[1, 1, T*C, num_blocks*C]: beta, for each block alike."""
  filters = layout.shape.filters
  kernel = graph_ops.reshape(inputs.beta, [-1, 1, 1]) * _identity(filters)
  kernel = graph_ops.reshape(kernel, [1, 1, -1, filters])
  kernel = tf.cast(kernel, inputs.prev_prev.dtype)
  return graph_ops.tile_channels(kernel, layout.shape.cell.num_blocks)


def alpha(
  layout: layout_lib.Layout,
  inputs: reference_node.NodeInputs,
  at: list[tuple[int, int]],
) -> tf.Tensor:
  """The weights of (edge, operator) pairs, float32 [N]."""
  edges, operators = np.transpose(at)
  flat = edges * len(layout.operators) + operators
  return graph_ops.gather(graph_ops.reshape(inputs.op, [-1]), flat.tolist())


def _identity(filters: int) -> tf.Tensor:
  return tf.constant(np.eye(filters, dtype=np.float32))
