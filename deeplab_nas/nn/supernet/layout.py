"""Where the weights and statistics of a node lie in its few variables.

A node of the supernet has a hundred kernels. As variables of their own they
would cost a thousand nodes in every graph, seconds of start-up and memory, so a
node has one vector of weights and two matrices of statistics. This module says
what lies where, for the readable cell and for the fast one.
"""

from __future__ import annotations

import dataclasses
import functools
import itertools
import math
from typing import NamedTuple, Union

import numpy as np
import tensorflow as tf

from deeplab_nas.nn.kernels import graph_ops
from deeplab_nas.nn.supernet import (
  edge_groups,
  operators,
  resample,
  shared_kernels,
)
from deeplab_nas.nn.supernet.operators import FastPath
from deeplab_nas.space import cell_space

# Truncation at two deviations, as He's initializer has it, lessens the spread.
_TRUNCATED_STDDEV = 0.87962566103423978


@dataclasses.dataclass(frozen=True)
class NodeShape:
  """What nodes that may share one traced function have in common.

  Attributes:
    cell: The cell space.
    filters: C, the filters of a block.
    prevs: How each transition's H^{l-1} comes to the node, T of them.
    prev_prev: How H^{l-2} does.
    partial_channels: K, a divisor of C; see `partial_channels.py`.
    shared_kernels: Whether the sources of a block share kernels; see
      `shared_kernels.py`.
  """

  cell: cell_space.CellSpace
  filters: int
  prevs: tuple[resample.Resample, ...]
  prev_prev: resample.Resample
  partial_channels: int = 1
  shared_kernels: bool = False

  def __post_init__(self):
    if self.filters % self.partial_channels:
      raise ValueError(
        f'partial_channels is {self.partial_channels}, expected a divisor of'
        f' the filters, which are {self.filters}'
      )

  @property
  def mixed_filters(self) -> int:
    """C/K, the channels that pass through the mixed operations."""
    return self.filters // self.partial_channels

  @property
  def num_transitions(self) -> int:
    return len(self.prevs)


class Input(NamedTuple):
  """The resampling of a transition's input, or (T) of `prev_prev`."""

  index: int


class Part(NamedTuple):
  """Weight or norm i of operator k, on all edges of a group."""

  operator: int
  index: int
  group: int


Key = Union[Input, Part]  # Python 3.9 has no `|` of classes


class Layout:
  """The order of a node's weights and statistics.

  The weights of all n edges of a group lie together, since one convolution of
  the fast path serves them: [*window, n*C] for weights of [*window, C].

  First come the weights of inputs and full convolutions (`whole`), key by key.
  Then those of separable convolutions, which the fast path repeats for each
  transition: of the inputs' group, and of all others. There, what has the same
  window is one block, so that few operations take them apart.

  Statistics are rows of C channels: for each norm one row for each edge and
  transition, but only one for an edge from `prev_prev`, which is the same for
  all transitions.

  With partial channels, C/K takes the place of C in operators and rows. The
  norm of an input has C channels and so K rows, which count as K edges.

  With shared kernels the weights of inputs are followed by those of blocks,
  and what is said above is the order of their copies.

  Attributes:
    shape: The node's shape.
    operators: One for each primitive.
    linear: The indices of those that are a skip or a pool.
    groups: The edges; group 0 leaves the inputs, group i + 1 block i.
    whole: Keys of the first weights, in order.
    separable: Keys of the other weights: of group 0, and of the others.
    rows: For each norm the (transition, edge) of its rows, in order.
    shared: The order of shared kernels; None where each edge has its own.
  """

  def __init__(self, shape: NodeShape):
    cell = shape.cell
    self.shape = shape
    self.operators = [
      operators.build(p, shape.mixed_filters) for p in cell.primitives
    ]
    self.linear = [
      k
      for k, op in enumerate(self.operators)
      if op.fast_path is FastPath.LINEAR
    ]
    self.groups = edge_groups.group_edges(cell)
    self.shared = None
    if shape.shared_kernels:
      self.shared = shared_kernels.SharedKernels(self.operators, self.groups)
    inputs = [Input(t) for t in range(shape.num_transitions + 1)]
    weights = self._parts([len(op.weight_shapes) for op in self.operators])
    norms = self._parts([op.num_norms for op in self.operators])
    separable = [
      key
      for key in weights
      if self.operators[key.operator].fast_path is FastPath.SEPARABLE
    ]
    self.whole = [*inputs, *(key for key in weights if key not in separable)]
    self.separable = (
      [key for key in separable if key.group == 0],
      [key for key in separable if key.group > 0],
    )
    self.rows = {
      key: [(key.index, i) for i in range(shape.partial_channels)]
      for key in inputs
    } | {key: self._rows(key) for key in norms}

  @functools.cached_property
  def num_weights(self) -> int:
    return len(self.stddevs)

  @functools.cached_property
  def num_rows(self) -> int:
    return sum(map(len, self.rows.values()))

  @functools.cached_property
  def row(self) -> dict[tuple[Key, int, int], int]:
    """The row of a norm for a transition and an edge."""
    places = [(key, *at) for key, rows in self.rows.items() for at in rows]
    return {place: i for i, place in enumerate(places)}

  def group_of(self, edge: int) -> int:
    """The index of the group that an edge is in."""
    return edge_groups.index_of(self.shape.cell.edges[edge].source)

  def num_transitions(self, edge: int) -> int:
    """T, or 1 from `prev_prev`, which is the same for all transitions."""
    source = self.shape.cell.edges[edge].source
    is_shared = source == cell_space.PREV_PREV_SOURCE
    return 1 if is_shared else self.shape.num_transitions

  def block_shape(self, key: Key) -> tuple[int, ...]:
    """As TensorFlow's convolutions take it.

    [k, k, C_in, C] of an input; of edges' weights [*window, n*C], with another
    axis of 1 at the end for depthwise ones.
    """
    if isinstance(key, Input):
      return (*self.shape.prevs, self.shape.prev_prev)[key.index].kernel_shape
    *window, channels = self._weight_shape(key)
    num_edges = len(self.groups[key.group].edges)
    return (*window, num_edges * channels, *_last_axis(window))

  def unpack(
    self, weights: tf.Tensor, repeats: int = 1
  ) -> dict[Key, tf.Tensor]:
    """The blocks of a node's weights.

    Args:
      weights: [num_weights].
      repeats: How often the C channels of an edge's separable convolution come
        in the block; those of an edge from `prev_prev` come once.

    Returns:
      `block_shape` of each key, but for the repeats.
    """
    separable = list(filter(None, self.separable))
    parts = self._parts_of(weights)
    blocks = {
      key: graph_ops.reshape(part, list(self.block_shape(key)))
      for key, part in zip(self.whole, parts)
    }
    for keys, part in zip(separable, parts[len(self.whole) :]):
      blocks |= self._unpack_separable(part, keys, repeats)
    return blocks

  def _parts_of(self, weights: tf.Tensor) -> list[tf.Tensor]:
    """A vector for each of `whole`, and of `separable` that is not empty."""
    if self.shared is not None:
      inputs = [key for key in self.whole if isinstance(key, Input)]
      sizes = [self._size(key) for key in inputs]
      rest = self.num_weights - sum(sizes)
      *parts, kernels = graph_ops.split(weights, [*sizes, rest])
      return [*parts, *self.shared.copies(kernels)]
    keys = [*([key] for key in self.whole), *filter(None, self.separable)]
    return graph_ops.split(weights, [sum(map(self._size, x)) for x in keys])

  def _unpack_separable(
    self, weights: tf.Tensor, keys: list[Part], repeats: int
  ) -> dict[Key, tf.Tensor]:
    group = self.groups[keys[0].group]
    channels = len(group.sources) * self.shape.mixed_filters
    rows = group.repeated(graph_ops.reshape(weights, [-1, channels]), repeats)

    windows = self._by_window(keys)
    channels = [
      [self.groups[key.group].num_blocks * rows.shape[-1] for key in of_window]
      for of_window in windows.values()
    ]
    sizes = [math.prod(w) * sum(n) for w, n in zip(windows, channels)]
    parts = graph_ops.split(graph_ops.reshape(rows, [-1]), sizes)
    blocks = {}
    for (window, of_window), n, part in zip(windows.items(), channels, parts):
      part = graph_ops.reshape(part, [*window, sum(n), *_last_axis(window)])
      blocks |= zip(of_window, graph_ops.split(part, n, axis=len(window)))
    return blocks

  def of_edge(
    self, blocks: dict[Key, tf.Tensor], k: int, edge: int
  ) -> list[tf.Tensor]:
    """Operator k's weights on an edge, out of blocks without repeats."""
    group = self.group_of(edge)
    at = self.edges(k, group).index(edge)
    weights = []
    for i, shape in enumerate(self.operators[k].weight_shapes):
      channels = slice(at * shape[-1], (at + 1) * shape[-1])
      block = blocks[Part(k, i, group)]
      weights.append(
        block[:, :, channels, 0]
        if _last_axis(shape[:-1])
        else block[..., channels]
      )
    return weights

  def edges(self, k: int, group: int) -> list[int]:
    """A group's edges in the order of operator k's weights.

    Block after block; of a full convolution source after source, since each
    transition is a group of it.
    """
    if self.operators[k].fast_path is FastPath.FULL:
      return sum(self.groups[group].by_source, [])
    return self.groups[group].edges

  @functools.cached_property
  def stddevs(self) -> np.ndarray:
    """He et al.'s for each weight, float32 [num_weights]: sqrt(2 / fan_in)."""
    separable = [self._by_window(keys).values() for keys in self.separable]
    keys = itertools.chain(self.whole, *itertools.chain(*separable))
    if self.shared is not None:
      keys = [key for key in self.whole if isinstance(key, Input)]
    fan_in = [np.full(self._size(key), self._fan_in(key)) for key in keys]
    if self.shared is not None:
      fan_in.append(self.shared.fan_in)
    return np.sqrt(2 / np.concatenate(fan_in)).astype(np.float32)

  def _parts(self, numbers: list[int]) -> list[Part]:
    """All of each operator, of which it has so many."""
    return [
      Part(k, i, group)
      for group in range(len(self.groups))
      for k, number in enumerate(numbers)
      for i in range(number)
    ]

  def _weight_shape(self, key: Part) -> tuple[int, ...]:
    return self.operators[key.operator].weight_shapes[key.index]

  def _by_window(self, keys: list[Part]) -> dict[tuple[int, ...], list[Part]]:
    windows = {}
    for key in keys:
      windows.setdefault(self._weight_shape(key)[:-1], []).append(key)
    return windows

  def _size(self, key: Key) -> int:
    return math.prod(self.block_shape(key))

  def _fan_in(self, key: Key) -> int:
    is_input = isinstance(key, Input)
    shape = self.block_shape(key) if is_input else self._weight_shape(key)
    return math.prod(shape[:-1])

  def initial_weights(self, shape, dtype=None) -> tf.Tensor:
    """A Keras initializer of the vector."""
    normal = tf.keras.initializers.TruncatedNormal(0, 1 / _TRUNCATED_STDDEV)
    return normal(shape, dtype) * self.stddevs

  def _rows(self, key: Part) -> list[tuple[int, int]]:
    if self.operators[key.operator].fast_path is FastPath.FULL:
      return [
        (t, edge)
        for edges in self.groups[key.group].by_source
        for t in range(self.num_transitions(edges[0]))
        for edge in edges
      ]
    return [
      (t, edge)
      for edge in self.groups[key.group].edges
      for t in range(self.num_transitions(edge))
    ]


def _last_axis(window: tuple[int, ...]) -> tuple[int, ...]:
  """What a depthwise kernel, whose window is [k, k], has after its channels."""
  return (1,) if len(window) == 2 else ()


@functools.cache
def make(shape: NodeShape) -> Layout:
  """The layout of nodes of a shape."""
  return Layout(shape)
