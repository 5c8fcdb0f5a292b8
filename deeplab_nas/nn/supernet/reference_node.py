"""The readable definition of a relaxed cell; the fast path equals it.

Reference:
  Auto-DeepLab, Sec. 4.1, Eq. (1) - (6), https://arxiv.org/abs/1901.02985
  Partial channels: PC-DARTS, https://arxiv.org/abs/1907.05737
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import tensorflow as tf

from deeplab_nas.nn.kernels import batch_norm, phases
from deeplab_nas.nn.supernet import layout as layout_lib
from deeplab_nas.nn.supernet import operators as ops
from deeplab_nas.nn.supernet import partial_channels
from deeplab_nas.space import cell_space


class NodeInputs(NamedTuple):
  """All that the function of a node depends on, besides sizes.

  B is the batch, T the transitions into the node (1 to 3), E the cell's edges,
  K its primitives, C the filters of a block. The node computes in the dtype of
  its states: float32, or bfloat16 in mixed precision. All else is float32.

  Attributes:
    prevs: The transitions' H^{l-1}, each [B, h, w, channels].
    prev_prev: H^{l-2}, [B, h, w, channels].
    op: float32 [E, K], `ArchWeights.op`.
    beta: float32 [T], the weights of the transitions.
    weights: float32 [N], of all convolutions, as `node_layout.Layout` has it.
    moving_mean: float32 [R, C], as `node_layout.Layout` has it.
    moving_variance: float32 [R, C].
  """

  prevs: tuple[tf.Tensor, ...]
  prev_prev: tf.Tensor
  op: tf.Tensor
  beta: tf.Tensor
  weights: tf.Tensor
  moving_mean: tf.Tensor
  moving_variance: tf.Tensor


class NodeOutputs(NamedTuple):
  """What the function of a node computes.

  Attributes:
    output: [B, H, W, num_blocks * C], of the states' dtype.
    mean: float32 [R, C], of the batch; the moving one in inference.
    variance: float32 [R, C], likewise.
  """

  output: tf.Tensor
  mean: tf.Tensor
  variance: tf.Tensor


class MixedOp:
  """All primitives on one edge, each with its weight: sum_k alpha_k O^k(x)."""

  def __init__(self, operators: Sequence[ops.Operator]):
    self.operators = operators

  def __call__(
    self,
    x: tf.Tensor,
    op_weights: tf.Tensor,
    weights: Sequence[Sequence[tf.Tensor]],
    normalizers: Sequence[ops.Normalize],
  ) -> tf.Tensor:
    """Computes [B, H, W, C] from a source state [B, H, W, C].

    Args:
      x: The source state.
      op_weights: float32 [K], this edge's row of `NodeInputs.op`.
      weights: For each operator its weights on this edge, of x's dtype.
      normalizers: For each operator what it normalises with.
    """
    return tf.add_n(
      [
        tf.cast(op_weights[k], x.dtype)
        * operator(x, weights[k], normalizers[k])
        for k, operator in enumerate(self.operators)
      ]
    )


class PartialMixedOp:
  """A `MixedOp` of the first 1/K of the channels; the others go around it.

  Then a shuffle of K groups, so that the next block finds others in front. What
  goes around has the weight of the edge, sum_k of its operations' weights.
  """

  def __init__(self, operators: Sequence[ops.Operator], num_groups: int):
    self.mixed_op = MixedOp(operators)
    self.num_groups = num_groups

  def __call__(
    self,
    x: tf.Tensor,
    op_weights: tf.Tensor,
    weights: Sequence[Sequence[tf.Tensor]],
    normalizers: Sequence[ops.Normalize],
  ) -> tf.Tensor:
    """As `MixedOp`, whose operators have C/K channels."""
    filters = x.shape[-1]
    num_first = filters // self.num_groups
    first, rest = x[..., :num_first], x[..., num_first:]
    mixed = self.mixed_op(first, op_weights, weights, normalizers)
    around = tf.reduce_sum(op_weights) * rest
    x = tf.concat([mixed, around], axis=-1)
    return partial_channels.shuffle(x, filters, self.num_groups)


class ReferenceNode:
  """A node, sum_t beta_t Cell(prev_t, prev_prev; alpha), as it is written.

  One `MixedOp`, or `PartialMixedOp`, for each edge and transition. The
  transitions into a node share their weights; each is normalised with
  statistics of its own.
  """

  def __init__(self, shape: layout_lib.NodeShape):
    self.shape = shape
    self.layout = layout_lib.make(shape)
    self.mixed_op = MixedOp(self.layout.operators)
    if shape.partial_channels > 1:
      self.mixed_op = PartialMixedOp(
        self.layout.operators, shape.partial_channels
      )

  def __call__(
    self,
    inputs: NodeInputs,
    size: tuple[int, int] | tf.Tensor,
    phase: phases.Phase,
  ) -> NodeOutputs:
    layout = self.layout
    statistics = _Statistics(layout, inputs, phase.training)
    dtype = inputs.prev_prev.dtype
    weights = tf.cast(inputs.weights, dtype)
    blocks = layout.unpack(weights)
    resamples = (*self.shape.prevs, self.shape.prev_prev)
    states = []
    for t, x in enumerate((*inputs.prevs, inputs.prev_prev)):
      key = layout_lib.Input(t)
      x = resamples[t](x, blocks[key], size)
      states.append(statistics.normalize_input(x, key))
    *prevs, prev_prev = states
    output = tf.add_n(
      [
        tf.cast(inputs.beta[t], dtype)
        * self._cell(t, prev, prev_prev, inputs, blocks, statistics)
        for t, prev in enumerate(prevs)
      ]
    )
    return NodeOutputs(output, *statistics.stacked())

  def _cell(self, transition, prev, prev_prev, inputs, blocks, statistics):
    """Cell(prev, prev_prev; alpha), [B, H, W, num_blocks * C]."""
    cell = self.shape.cell
    states = [prev, prev_prev]
    for block in range(cell.num_blocks):
      states.append(
        tf.add_n(
          [
            self._edge(
              states[source],
              cell.edge_index(source, block),
              transition,
              inputs,
              blocks,
              statistics,
            )
            for source in cell.sources(block)
          ]
        )
      )
    return tf.concat(states[2:], axis=-1)

  def _edge(self, x, edge, transition, inputs, blocks, statistics):
    source = self.shape.cell.edges[edge].source
    # What reads prev_prev is the same for all transitions, and the first
    # one's statistics stand for it.
    if source == cell_space.PREV_PREV_SOURCE:
      transition = 0
    group = self.layout.group_of(edge)
    weights, normalizers = [], []
    for k, operator in enumerate(self.layout.operators):
      norms = iter(range(operator.num_norms))

      def normalize(x, k=k, norms=norms):
        key = layout_lib.Part(k, next(norms), group)
        return statistics.normalize(x, key, transition, edge)

      weights.append(self.layout.of_edge(blocks, k, edge))
      normalizers.append(normalize)
    return self.mixed_op(x, inputs.op[edge], weights, normalizers)


class _Statistics:
  """Normalises, and collects the means and variances that served."""

  def __init__(self, layout, inputs: NodeInputs, training: bool):
    self.layout = layout
    self.inputs = inputs
    self.training = training
    self.used = {}  # row -> (mean [C], variance [C])

  def normalize(
    self, x: tf.Tensor, key: layout_lib.Key, transition: int, edge: int
  ) -> tf.Tensor:
    row = self.layout.row[key, transition, edge]
    mean = self.inputs.moving_mean[row]
    variance = self.inputs.moving_variance[row]
    x, *self.used[row] = batch_norm.normalize(
      x, mean, variance, tf.ones_like(mean), tf.zeros_like(mean), self.training
    )
    return x

  def normalize_input(self, x: tf.Tensor, key: layout_lib.Input) -> tf.Tensor:
    """All C channels of an input, which has as many rows as that takes."""
    rows = self.layout.rows[key]
    if len(rows) == 1:
      return self.normalize(x, key, *rows[0])
    parts = tf.split(x, len(rows), axis=-1)
    return tf.concat(
      [self.normalize(part, key, *at) for part, at in zip(parts, rows)], -1
    )

  def stacked(self) -> tuple[tf.Tensor, tf.Tensor]:
    """Mean and variance, float32 [R, C]."""
    means, variances = zip(*(self.used[row] for row in sorted(self.used)))
    return tf.stack(means), tf.stack(variances)
