"""The weights and statistics of cells that a sample touches, read and written.

Each layer of the path has one node, whose variables are found when the graph
runs. What is not touched is neither read nor written.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from deeplab_nas.nn.kernels import batch_norm, cases, replicas
from deeplab_nas.nn.supernet import layout as layout_lib
from deeplab_nas.nn.supernet.sampled import places as places_lib
from deeplab_nas.nn.supernet.sampled import sample as sample_lib

_INDICES, _FLAGS = (
  tf.TensorSpec([None], tf.int32),
  tf.TensorSpec([None], 'bool'),
)
_HANDLE = tf.TensorSpec([], tf.resource)


class Layer(NamedTuple):
  """Where the path's node of a layer has what the sample touches.

  Attributes:
    level: int32 [], of the node.
    is_zero: bool [], whether prev_prev is zeros.
    primitive: int32 [M], of each slot; K for one that is not computed.
    indices: int32 [n], of its kernel vector: those of prev's convolution, of
      prev_prev's unless it is zero, of the active slots.
    at: int32 [M], where a slot's weights begin in these.
    norms: int32 [r], rows of its statistics in the same order, but prev_prev's
      are always there.
    norm_at: int32 [M], where a slot's norms begin in these.
    zero_norms: int32 [z], those of slots that read zeros.
    copies: Of shared kernels, int32 [m], for each weight that `at` counts its
      place in `indices`: slots of a block have some in common. Else None.
  """

  level: tf.Tensor
  is_zero: tf.Tensor
  primitive: tf.Tensor
  indices: tf.Tensor
  at: tf.Tensor
  norms: tf.Tensor
  norm_at: tf.Tensor
  zero_norms: tf.Tensor
  copies: tf.Tensor | None = None


class Way(NamedTuple):
  """A transition into a node.

  Attributes:
    shape: The node's shape.
    transition: The transition's number among those into the node.
  """

  shape: layout_lib.NodeShape
  transition: int


def layer_of(
  sample: sample_lib.Sample,
  layer: int,
  ways: Sequence[Way],
  training: bool,
) -> Layer:
  """What a sample touches in a layer.

  Args:
    sample: The sample.
    layer: The layer's number, from 1.
    ways: All transitions into the layer.
    training: Whether norms take the statistics of the batch. If not, they make
      something of zeros.
  """
  is_zero, is_active = sample.is_zero[layer - 1], sample.is_used
  if training:
    is_active = tf.where(is_zero, sample.is_left, is_active)
  nothing = len(ways[0].shape.cell.primitives)
  primitive = tf.where(is_active, sample.primitive, nothing)
  tables = cases.choose(
    sample.edge[layer - 1], [_tables(way) for way in ways], []
  )
  is_zeros = sample.is_used & ~is_active
  shape = ways[0].shape
  found = cases.call(
    _find(len(shape.cell.edges), shape.shared_kernels),
    [*tables, sample.primitive, is_active, is_zeros, is_zero],
  )
  return Layer(sample.level[layer - 1], is_zero, primitive, *found)


@functools.cache
def _tables(way: Way) -> cases.Function:
  """Gives the tables of a node's `Places`."""
  places = places_lib.make(way.shape)
  sizes = places.row_size, places.num_inputs, places.num_primitives

  def tables():
    return [
      tf.constant(np.asarray(x, np.int32))
      for x in (
        sizes,
        places.inputs(way.transition),
        *places.weights,
        *places.norms[way.transition],
      )
    ]

  return cases.traced(tables, [])


@functools.cache
def _find(num_edges: int, is_shared: bool) -> cases.Function:
  """From tables and slots to the rest of a `Layer`."""

  def elements(rows, row_size):
    return tf.reshape(rows[:, tf.newaxis] * row_size + tf.range(row_size), [-1])

  def find(sizes, inputs, *args):
    weights, norms = places_lib.Ragged(*args[:3]), places_lib.Ragged(*args[3:6])
    primitive, is_active, is_zeros, is_zero = args[6:]
    row_size, num_inputs, num_primitives = tf.unstack(sizes, 3)
    per_edge = tf.shape(primitive)[0] // num_edges
    edges = tf.range(tf.shape(primitive)[0]) // per_edge
    of_slots = num_inputs + edges * num_primitives + primitive
    entries = tf.concat([inputs, of_slots], 0)
    is_there = tf.concat([[True, ~is_zero], is_active], 0)
    rows, at = weights.select(entries, is_there)
    copies = []
    if is_shared:
      rows, of_row = tf.unique(rows)
      copies = [elements(of_row, row_size)]
    indices = elements(rows, row_size)
    is_there = tf.concat([[True, True], is_active], 0)
    of_norms, norm_at = norms.select(entries, is_there)
    zeros, _ = norms.select(of_slots, is_zeros)
    at = at[2:] * row_size
    return [indices, at, of_norms, norm_at[2:], zeros, *copies]

  flag = tf.TensorSpec([], tf.bool)
  specs = [*[_INDICES] * 9, _FLAGS, _FLAGS, flag]
  return cases.traced(find, specs)


def with_copies(layer: Layer, values: tf.Tensor) -> tf.Tensor:
  """What the operations compute with, float32 [m].

  Args:
    layer: Where it is.
    values: float32 [n], of `layer.indices`; the gradients of copies add up.
  """
  if layer.copies is None:
    return values

  @tf.custom_gradient
  def copied(values):
    def gradient(g):
      return tf.math.unsorted_segment_sum(g, layer.copies, tf.size(values))

    return tf.gather(values, layer.copies), gradient

  return copied(values)


def read(
  level: tf.Tensor, variables: Sequence[tf.Variable], indices: tf.Tensor
) -> tf.Tensor:
  """variables[level][indices].

  Args:
    level: int32 [].
    variables: float32 [N, ...] each, of a layer's nodes.
    indices: int32 [n].
  """
  rank = variables[0].shape.rank
  branches = _of_levels(_gather, len(variables), rank)
  (values,) = cases.choose(
    level, branches, [indices, *_handles(variables)], is_stateful=True
  )
  values.set_shape([None] * rank)
  return values


def write(
  level: tf.Tensor,
  variables: Sequence[tf.Variable],
  indices: tf.Tensor,
  values: tf.Tensor,
) -> None:
  """variables[level][indices] = values, float32 [n, ...]; see `read`."""
  rank = variables[0].shape.rank
  branches = _of_levels(_scatter, len(variables), rank)
  cases.choose(
    level, branches, [indices, values, *_handles(variables)], is_stateful=True
  )


def mask(layer: Layer, level: int, shape: tf.TensorShape) -> tf.Tensor:
  """Where the kernel vector of a level's node is touched, bool [size].

  Args:
    layer: Where it would be.
    level: Of the node.
    shape: [size], of its kernel vector.
  """
  is_here = tf.fill(tf.shape(layer.indices), layer.level == level)
  places = tf.boolean_mask(layer.indices, is_here)
  ones = tf.ones_like(places)
  return tf.scatter_nd(places[:, tf.newaxis], ones, shape) > 0


def fold(
  layer: Layer,
  variables: Sequence[tf.Variable],
  batch: tf.Tensor,
) -> None:
  """Moves moving statistics towards those of a batch, and of zeros.

  Args:
    layer: Where they are.
    variables: float32 [R, C/K] each, of the layer's nodes.
    batch: float32 [r, C/K], of `layer.norms`.
  """
  rows = tf.concat([layer.norms, layer.zero_norms], 0)
  moving = read(layer.level, variables, rows)
  count = tf.shape(layer.zero_norms)[0]
  batch = tf.pad(batch, [[0, count], [0, 0]])
  share = 1 - batch_norm.MOMENTUM
  write(layer.level, variables, rows, moving + (batch - moving) * share)


def _handles(variables: Sequence[tf.Variable]) -> list[tf.Tensor]:
  return [replicas.own(variable).handle for variable in variables]


@functools.cache
def _of_levels(make, num_levels: int, rank: int) -> list[cases.Function]:
  return [make(level, num_levels, rank) for level in range(num_levels)]


def _gather(level: int, num_levels: int, rank: int) -> cases.Function:
  def gather(indices, *handles):
    return tf.raw_ops.ResourceGather(
      resource=handles[level], indices=indices, dtype=tf.float32
    )

  return cases.traced(gather, [_INDICES] + [_HANDLE] * num_levels)


def _scatter(level: int, num_levels: int, rank: int) -> cases.Function:
  def scatter(indices, values, *handles):
    tf.raw_ops.ResourceScatterUpdate(
      resource=handles[level], indices=indices, updates=values
    )

  specs = [_INDICES, tf.TensorSpec([None] * rank)] + [_HANDLE] * num_levels
  return cases.traced(scatter, specs)
