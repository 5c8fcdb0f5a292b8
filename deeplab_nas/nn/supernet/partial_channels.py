"""Partial channels: a part of a state passes through operations, the rest not.

With K, the first C/K channels of a source pass through an edge's mixed
operation and the others go around it. Both lie side by side afterwards, and a
shuffle of K groups brings others to the front for the next block:

  block = shuffle(concat(sum_e MixedOp_e(first_e), sum_e w_e rest_e))

w_e is the weight of edge e, the sum of its operations' weights. The shuffle is
the same for all edges, so it comes once, after their sum.

The fast path has T transitions side by side, [B, H, W, T*C].

Reference:
  PC-DARTS, Eq. (1) and (2), https://arxiv.org/abs/1907.05737
"""

from __future__ import annotations

import tensorflow as tf

from deeplab_nas.nn.kernels import graph_ops, shapes, weighted_sums
from deeplab_nas.nn.supernet import layout as layout_lib


class Bypass:
  """What of a fast node's states goes around its mixed operations.

  Splits each state, in their order, and remembers what of each source goes
  around for the blocks that read it.
  """

  def __init__(self, shape: layout_lib.NodeShape, op: tf.Tensor):
    """For a node of a shape and the weights [E, K] of its operations."""
    cell = shape.cell
    self.shape = shape
    self.rests = []  # of each state so far, [B, H, W, T*(C - C/K)]
    sizes = [len(cell.sources(block)) for block in range(cell.num_blocks)]
    self.edge_weights = tf.split(tf.reduce_sum(op, axis=-1), sizes)

  def split(self, group: int, state: tf.Tensor) -> tf.Tensor:
    """The channels that pass through operations, [B, H, W, S*C/K].

    Args:
      group: Number of the state's group of edges.
      state: float32 [B, H, W, S*C]: T transitions of a block, or for group 0
        those of prev and then prev_prev.
    """
    shape = self.shape
    first, rest = split(state, shape.filters, shape.mixed_filters)
    if group > 0:
      self.rests.append(rest)
      return first
    bypassing = shape.filters - shape.mixed_filters
    sizes = [shape.num_transitions * bypassing, bypassing]
    prev, prev_prev = graph_ops.split(rest, sizes)
    prev_prev = graph_ops.tile_channels(prev_prev, shape.num_transitions)
    self.rests += [prev, prev_prev]
    return first

  def join(self, block: int, mixed: tf.Tensor) -> tf.Tensor:
    """A block, [B, H, W, T*C], from the sum of its mixed operations."""
    weights = self.edge_weights[block]
    rests = self.rests[: weights.shape[0]]
    (around,) = weighted_sums.compute(rests, weights[tf.newaxis])
    shape = self.shape
    return join(mixed, around, shape.filters, shape.partial_channels)


def bypass(shape: layout_lib.NodeShape, op: tf.Tensor) -> Bypass | None:
  """None for nodes whose operations see all channels."""
  return Bypass(shape, op) if shape.partial_channels > 1 else None


def split(x: tf.Tensor, filters: int, num_first: int) -> list[tf.Tensor]:
  """The first channels of each transition, and the rest of each.

  Args:
    x: float32 [B, H, W, T*C].
    filters: C.
    num_first: How many channels of C are the first ones.

  Returns:
    float32 [B, H, W, T*num_first] and [B, H, W, T*(C - num_first)].
  """
  sizes = [num_first, filters - num_first]
  return [
    shapes.flat_channels(part)
    for part in tf.split(_grouped(x, filters), sizes, -1)
  ]


def join(
  first: tf.Tensor, rest: tf.Tensor, filters: int, num_groups: int
) -> tf.Tensor:
  """Undoes `split` and shuffles the channels of each transition.

  Args:
    first: float32 [B, H, W, T*C/K].
    rest: float32 [B, H, W, T*(C - C/K)].
    filters: C.
    num_groups: K.

  Returns:
    float32 [B, H, W, T*C].
  """
  num_first = filters // num_groups
  parts = [
    _grouped(first, num_first),
    _grouped(rest, filters - num_first),
  ]
  return shuffle(
    shapes.flat_channels(tf.concat(parts, axis=-1)), filters, num_groups
  )


def shuffle(x: tf.Tensor, filters: int, num_groups: int) -> tf.Tensor:
  """Channel i of group g becomes channel i * K + g, in each transition.

  Args:
    x: float32 [B, H, W, T*C].
    filters: C.
    num_groups: K, a divisor of C.
  """
  batch, height, width, channels = shapes.dims(x)
  size = [num_groups, filters // num_groups]
  x = tf.reshape(x, [batch * height * width * (channels // filters), *size])
  x = tf.transpose(x, [0, 2, 1])
  return tf.reshape(x, [batch, height, width, channels])


def _grouped(x: tf.Tensor, filters: int) -> tf.Tensor:
  """[B, H, W, T, filters] from [B, H, W, T*filters], unless T is 1."""
  num_transitions = x.shape[-1] // filters
  if num_transitions == 1:
    return x
  return tf.reshape(x, [*shapes.dims(x)[:3], num_transitions, filters])
