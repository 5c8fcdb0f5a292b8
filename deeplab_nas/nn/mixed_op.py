"""The readable definition of a relaxed cell; the fast path equals it.

Reference:
  Auto-DeepLab, Sec. 4.1, Eq. (1) - (6), https://arxiv.org/abs/1901.02985
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import tensorflow as tf

from deeplab_nas.nn import batch_norm, ops
from deeplab_nas.space import cell_space


class CellInputs(NamedTuple):
  """All that the function of a node depends on.

  B, H, W are batch and size, C the filters of a block, T the transitions into
  the node (1 to 3), E the cell's edges, K its primitives, M the normalisations
  of all operators together.

  Attributes:
    prev: float32 [B, H, W, T*C], the transitions' H^{l-1}, side by side.
    prev_prev: float32 [B, H, W, C], H^{l-2}.
    op: float32 [E, K], softmax of alpha.
    beta: float32 [T], the weights of the transitions.
    weights: For each operator its weights, each float32 [E, ...].
    moving_mean: float32 [M, T, E, C].
    moving_variance: float32 [M, T, E, C].
  """

  prev: tf.Tensor
  prev_prev: tf.Tensor
  op: tf.Tensor
  beta: tf.Tensor
  weights: tuple[tuple[tf.Tensor, ...], ...]
  moving_mean: tf.Tensor
  moving_variance: tf.Tensor


class CellOutputs(NamedTuple):
  """What the function of a node computes.

  Attributes:
    output: float32 [B, H, W, num_blocks * C].
    mean: float32 [M, T, E, C], of the batch; the moving one in inference.
    variance: float32 [M, T, E, C], likewise.
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
    """Computes float32 [B, H, W, C] from a source state [B, H, W, C].

    Args:
      x: The source state.
      op_weights: float32 [K], this edge's row of `CellInputs.op`.
      weights: For each operator its weights on this edge.
      normalizers: For each operator what it normalises with.
    """
    return tf.add_n(
      [
        op_weights[k] * operator(x, weights[k], normalizers[k])
        for k, operator in enumerate(self.operators)
      ]
    )


class ReferenceCell:
  """A node, sum_t beta_t Cell(prev_t, prev_prev; alpha), as it is written.

  One `MixedOp` for each edge and transition. The transitions into a node share
  their weights; each is normalised with statistics of its own.
  """

  def __init__(
    self, cell: cell_space.CellSpace, filters: int, num_transitions: int
  ):
    self.cell = cell
    self.num_transitions = num_transitions
    self.operators = [ops.build(p, filters) for p in cell.primitives]
    self.mixed_op = MixedOp(self.operators)

  def __call__(self, inputs: CellInputs, training: bool) -> CellOutputs:
    statistics = {}  # (norm, transition, edge) -> (mean [C], variance [C])
    output = 0.0
    prevs = tf.split(inputs.prev, self.num_transitions, axis=-1)
    for transition, prev in enumerate(prevs):
      states = [prev, inputs.prev_prev]
      for block in range(self.cell.num_blocks):
        states.append(
          tf.add_n(
            [
              self._edge(
                states[source],
                source,
                block,
                transition,
                inputs,
                training,
                statistics,
              )
              for source in self.cell.sources(block)
            ]
          )
        )
      blocks = tf.concat(states[2:], axis=-1)  # [B, H, W, num_blocks * C]
      output += inputs.beta[transition] * blocks
    if not statistics:  # no operator normalises
      return CellOutputs(output, inputs.moving_mean, inputs.moving_variance)
    means, variances = zip(*(statistics[i] for i in sorted(statistics)))
    shape = inputs.moving_mean.shape
    return CellOutputs(
      output,
      tf.reshape(tf.stack(means), shape),
      tf.reshape(tf.stack(variances), shape),
    )

  def _edge(
    self, x, source, block, transition, inputs, training, statistics
  ) -> tf.Tensor:
    edge = self.cell.edge_index(source, block)
    weights = [[w[edge] for w in group] for group in inputs.weights]
    norms = iter(range(inputs.moving_mean.shape[0]))

    def normalize(x: tf.Tensor) -> tf.Tensor:
      norm = next(norms)
      # What reads prev_prev is the same for all transitions, and the first
      # one's statistics stand for it.
      owner = 0 if source == cell_space.PREV_PREV_SOURCE else transition
      mean = inputs.moving_mean[norm, owner, edge]
      variance = inputs.moving_variance[norm, owner, edge]
      x, mean, variance = batch_norm.normalize(
        x, mean, variance, tf.ones_like(mean), tf.zeros_like(mean), training
      )
      statistics[norm, transition, edge] = mean, variance
      return x

    normalizers = [normalize] * len(self.operators)
    return self.mixed_op(x, inputs.op[edge], weights, normalizers)
