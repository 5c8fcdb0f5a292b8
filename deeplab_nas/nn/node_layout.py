"""Where the weights and statistics of a node lie in its few variables.

A node of the supernet has a hundred kernels. As variables of their own they
would cost a thousand nodes in every graph, seconds of start-up and memory, so a
node has one vector of weights and two matrices of statistics. This module says
what lies where, for the readable cell and for the fast one.
"""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Sequence
from typing import NamedTuple, Union

import numpy as np
import tensorflow as tf

from deeplab_nas.nn import lean, ops, resample
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
  """

  cell: cell_space.CellSpace
  filters: int
  prevs: tuple[resample.Resample, ...]
  prev_prev: resample.Resample
  partial_channels: int = 1

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
  """Weight or norm i of operator k, on all edges that leave a source."""

  operator: int
  index: int
  source: int


Key = Union[Input, Part]  # Python 3.9 has no `|` of classes


class Layout:
  """The order of a node's weights and statistics.

  The weights of all n edges that leave a source lie together, since one
  convolution of the fast path serves them: [*window, n*C] for weights of
  [*window, C]. First come those that it takes as they are (`whole`), then those
  that it repeats for each transition (`repeated`).

  Statistics are rows of C channels: for each norm one row for each edge and
  transition, but only one for an edge from `prev_prev`, which is the same for
  all transitions.

  With partial channels, C/K takes the place of C in operators and rows. The
  norm of an input has C channels and so K rows, which count as K edges.

  Attributes:
    shape: The node's shape.
    operators: One for each primitive.
    linear: The indices of those that are a skip or a pool.
    edges_from: For each source the indices of the edges that leave it.
    whole: Keys of the first weights, in order.
    repeated: Keys of the other weights, in order.
    rows: For each norm the (transition, edge) of its rows, in order.
  """

  def __init__(self, shape: NodeShape):
    cell = shape.cell
    self.shape = shape
    self.operators = [
      ops.build(p, shape.mixed_filters) for p in cell.primitives
    ]
    self.linear = [
      k for k, op in enumerate(self.operators) if type(op) in ops.LINEAR
    ]
    self.edges_from = [
      [i for i, edge in enumerate(cell.edges) if edge.source == source]
      for source in range(cell.num_sources - 1)  # nobody reads the last block
    ]
    inputs = [Input(t) for t in range(shape.num_transitions + 1)]
    parts = [
      Part(k, i, source)
      for source in range(len(self.edges_from))
      for k, operator in enumerate(self.operators)
      for i in range(len(operator.weight_shapes))
    ]
    self.repeated = [key for key in parts if self._is_repeated(key)]
    self.whole = [*inputs, *(k for k in parts if not self._is_repeated(k))]
    self.rows = {
      key: [(key.index, i) for i in range(shape.partial_channels)]
      for key in inputs
    } | {
      Part(k, i, source): self._rows(k, source)
      for source in range(len(self.edges_from))
      for k, operator in enumerate(self.operators)
      for i in range(operator.num_norms)
    }

  @functools.cached_property
  def num_weights(self) -> int:
    return sum(map(self.size, self.whole + self.repeated))

  @functools.cached_property
  def num_rows(self) -> int:
    return sum(map(len, self.rows.values()))

  @functools.cached_property
  def row(self) -> dict[tuple[Key, int, int], int]:
    """The row of a norm for a transition and an edge."""
    places = [(key, *at) for key, rows in self.rows.items() for at in rows]
    return {place: i for i, place in enumerate(places)}

  def num_transitions(self, source: int) -> int:
    """T, or 1 for `prev_prev`, which is the same for all transitions."""
    is_shared = source == cell_space.PREV_PREV_SOURCE
    return 1 if is_shared else self.shape.num_transitions

  def block_shape(self, key: Key, repeats: int = 1) -> tuple[int, ...]:
    """As TensorFlow's convolutions take it.

    [k, k, C_in, C] of an input; of edges' weights [*window, repeats * n * C],
    with another axis of 1 at the end for depthwise ones.
    """
    if isinstance(key, Input):
      return (*self.shape.prevs, self.shape.prev_prev)[key.index].kernel_shape
    shape = self.operators[key.operator].weight_shapes[key.index]
    channels = repeats * len(self.edges_from[key.source]) * shape[-1]
    block = (*shape[:-1], channels)
    return (*block, 1) if _is_depthwise(shape) else block

  def size(self, key: Key) -> int:
    return math.prod(self.block_shape(key))

  def unpack(
    self, weights: tf.Tensor, keys: Sequence[Key], repeats: int = 1
  ) -> dict[Key, tf.Tensor]:
    """The blocks of a vector.

    Args:
      weights: [N], `keys`' part of a node's weights; with repeats, each C of
        them so often.
      keys: `whole`, `repeated` or both.
      repeats: How often.

    Returns:
      `block_shape` of each key.
    """
    if not keys:
      return {}
    shapes = [list(self.block_shape(key, repeats)) for key in keys]

    def unpacked(weights):
      parts = tf.split(weights, [math.prod(shape) for shape in shapes])
      blocks = [
        tf.reshape(part, lean.constant(shape))
        for part, shape in zip(parts, shapes)
      ]

      def gradients(*of_blocks):
        flat = lean.constant([-1])
        return [tf.concat([tf.reshape(g, flat) for g in of_blocks], axis=0)]

      return blocks, gradients

    return dict(zip(keys, lean.call(unpacked, weights)))

  def of_edge(
    self, blocks: dict[Key, tf.Tensor], k: int, edge: int
  ) -> list[tf.Tensor]:
    """Operator k's weights on an edge, out of unpacked blocks."""
    source = self.shape.cell.edges[edge].source
    at = self.edges_from[source].index(edge)
    weights = []
    for i, shape in enumerate(self.operators[k].weight_shapes):
      channels = slice(at * shape[-1], (at + 1) * shape[-1])
      block = blocks[Part(k, i, source)]
      weights.append(
        block[:, :, channels, 0]
        if _is_depthwise(shape)
        else block[..., channels]
      )
    return weights

  def stddevs(self) -> np.ndarray:
    """He et al.'s for each weight, float32 [num_weights]: sqrt(2 / fan_in)."""
    return np.concatenate(
      [
        np.full(self.size(key), math.sqrt(2 / self._fan_in(key)), np.float32)
        for key in self.whole + self.repeated
      ]
    )

  def _fan_in(self, key: Key) -> int:
    if isinstance(key, Input):
      return math.prod(self.block_shape(key)[:-1])
    operator = self.operators[key.operator]
    return math.prod(operator.weight_shapes[key.index][:-1])

  def initial_weights(self, shape, dtype=None) -> tf.Tensor:
    """A Keras initializer of the vector."""
    normal = tf.keras.initializers.TruncatedNormal(0, 1 / _TRUNCATED_STDDEV)
    return normal(shape, dtype) * self.stddevs()

  def _is_repeated(self, key: Part) -> bool:
    is_separable = type(self.operators[key.operator]) in ops.SEPARABLE
    return is_separable and self.num_transitions(key.source) > 1

  def _rows(self, k: int, source: int) -> list[tuple[int, int]]:
    edges = self.edges_from[source]
    transitions = range(self.num_transitions(source))
    if type(self.operators[k]) is ops.AtrousConv:
      return [(t, edge) for t in transitions for edge in edges]
    return [(t, edge) for edge in edges for t in transitions]


def _is_depthwise(shape: tuple[int, ...]) -> bool:
  """Whether an operator's weight is [k, k, C]."""
  return len(shape) == 3


@functools.cache
def of(shape: NodeShape) -> Layout:
  """The layout of nodes of a shape."""
  return Layout(shape)
