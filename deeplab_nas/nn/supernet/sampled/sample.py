"""A one-hot sample of architecture weights: a path, and operations on edges."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import tensorflow as tf

from deeplab_nas.nn.supernet import operators
from deeplab_nas.space import arch_weights, lattice, search_space


class Sample(NamedTuple):
  """What of a supernet is computed.

  L is the number of layers, M that of slots: for each edge of the cell in turn
  as many as it may have operations.

  Attributes:
    edge: int32 [L], the number of the transition among those into the layer.
    level: int32 [L], where the path is.
    beta: float32 [L], the transitions' weights.
    is_zero: bool [L], whether H^{l-2} of the path's node is off the path.
    primitive: int32 [M], of each slot.
    scale: float32 [M], its weight; 0 for a slot without operation.
    is_used: bool [M], whether there is an operation that contributes.
    is_left: bool [M], those of them that do not add zeros where H^{l-2} is
      zeros, in training.
  """

  edge: tf.Tensor
  level: tf.Tensor
  beta: tf.Tensor
  is_zero: tf.Tensor
  primitive: tf.Tensor
  scale: tf.Tensor
  is_used: tf.Tensor
  is_left: tf.Tensor


def edges_into(
  grid: lattice.Lattice, layer: int
) -> tuple[lattice.LatticeEdge, ...]:
  """All transitions into a layer, node after node."""
  return tuple(edge for edge in grid.edges if edge.target.layer == layer)


def read(
  arch: arch_weights.ArchWeights,
  space: search_space.SearchSpace,
  per_edge: int,
) -> Sample:
  """What architecture weights choose.

  Args:
    arch: Of each layer one transition has a weight, and they are a path; of
      each edge of the cell at most `per_edge` operations have one.
    space: The search space.
    per_edge: Slots of an edge.
  """
  grid = space.lattice
  edges, levels, betas = [], [], []
  for layer in range(1, grid.num_layers + 1):
    into = edges_into(grid, layer)
    weights = tf.gather_nd(arch.transition, [edge.index for edge in into])
    edge = tf.argmax(weights, output_type=tf.int32)
    targets = np.asarray([edge.target.level for edge in into], np.int32)
    edges.append(edge)
    levels.append(tf.gather(targets, edge))
    betas.append(tf.gather(weights, edge))
  zeros = [
    _is_zero(grid, layer, edge, levels) for layer, edge in enumerate(edges, 1)
  ]
  scale, primitive = tf.math.top_k(arch.op, per_edge)
  scale, primitive = (tf.reshape(x, [-1]) for x in (scale, primitive))
  is_used = _is_used(space, primitive, scale)
  return Sample(
    *map(tf.stack, (edges, levels, betas, zeros)),
    primitive,
    scale,
    is_used,
    _left(space, primitive, is_used, per_edge),
  )


def _is_zero(grid, layer: int, edge: tf.Tensor, levels) -> tf.Tensor:
  """Whether the node two layers before that on the path is off the path."""
  if layer <= 2:  # the stem's outputs
    return tf.constant(False)
  sources = [
    grid.prev_prev(edge.target).level for edge in edges_into(grid, layer)
  ]
  source = tf.gather(np.asarray(sources, np.int32), edge)
  return source != levels[layer - 3]


def _is_used(space, primitive: tf.Tensor, scale: tf.Tensor) -> tf.Tensor:
  # With partial channels, the others go around `none` too.
  contributes = [
    not p.is_none or space.partial_channels > 1 for p in space.cell.primitives
  ]
  return (scale != 0) & tf.gather(contributes, primitive)


def _left(space, primitive, is_used, per_edge: int) -> tf.Tensor:
  """Which slots do not read zeros, bool [M], if `prev_prev` is zeros."""
  cell = space.cell
  # What an operator without a fast path makes of zeros is not known.
  is_any = [
    operators.BUILDERS[p.kind].fast_path is operators.FastPath.BY_EDGE
    for p in cell.primitives
  ]
  is_any = tf.unstack(tf.gather(is_any, primitive))
  is_used = tf.unstack(is_used)
  is_left, has_values = [], [tf.constant(True), tf.constant(False)]
  for block in range(cell.num_blocks):
    found = []
    for source in cell.sources(block):
      for _ in range(per_edge):
        i = len(is_left) + len(found)
        found.append(is_used[i] & (has_values[source] | is_any[i]))
    is_left += found
    has_values.append(tf.reduce_any(found))
  return tf.stack(is_left)
