"""A node of the supernet: one cell for up to three transitions into it.

Reference:
  Auto-DeepLab, Sec. 4.1, Eq. (6), https://arxiv.org/abs/1901.02985
"""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf

from deeplab_nas.nn import batch_norm, fused_cell, mixed_op, ops
from deeplab_nas.space import cell_space


class Cell(tf.keras.layers.Layer):
  """Computes sum_t beta_t Cell(prev_t, prev_prev; alpha), Eq. (6).

  Owns the weights of all its edges. The transitions share them (the paper does
  not say); each transition has batch statistics of its own. No norm has a scale
  or an offset: a weight alpha follows.

  Attributes:
    cell: The cell space.
    filters: C, the filters of a block.
    num_transitions: T, how many transitions enter the node.
    fused: Whether to take the fast path (`FusedCell`) or the readable
      definition (`ReferenceCell`); they are the same function.
  """

  def __init__(
    self,
    cell: cell_space.CellSpace,
    filters: int,
    num_transitions: int,
    fused: bool = True,
    name: str | None = None,
  ):
    super().__init__(name=name)
    self.cell = cell
    self.filters = filters
    self.num_transitions = num_transitions
    self.fused = fused

  def build(self, input_shape=None):
    operators = [ops.build(p, self.filters) for p in self.cell.primitives]
    self.op_weights = tuple(
      tuple(
        self._edge_weight(f'{operator.primitive.name}_{i}', shape)
        for i, shape in enumerate(operator.weight_shapes)
      )
      for operator in operators
    )
    num_norms = sum(operator.num_norms for operator in operators)
    statistics = [
      num_norms,
      self.num_transitions,
      len(self.cell.edges),
      self.filters,
    ]  # [M, T, E, C]
    self.moving_mean = self.add_weight(
      'moving_mean', statistics, initializer='zeros', trainable=False
    )
    self.moving_variance = self.add_weight(
      'moving_variance', statistics, initializer='ones', trainable=False
    )
    super().build(input_shape)

  def _edge_weight(self, name: str, shape: tuple[int, ...]) -> tf.Variable:
    """A weight [E, *shape], each edge's drawn as He et al. draw one."""
    num_edges = len(self.cell.edges)
    # Keras takes the axis of edges for a part of the window and so divides the
    # variance by it; the scale undoes that.
    initializer = tf.keras.initializers.VarianceScaling(2.0 * num_edges)
    return self.add_weight(name, (num_edges, *shape), initializer=initializer)

  def call(
    self,
    prevs: Sequence[tf.Tensor],
    prev_prev: tf.Tensor,
    op: tf.Tensor,
    beta: tf.Tensor,
    training: bool = False,
    update_statistics: bool = True,
  ) -> tf.Tensor:
    """Computes float32 [B, H, W, num_blocks * C].

    Args:
      prevs: For each transition its H^{l-1}, float32 [B, H, W, C].
      prev_prev: H^{l-2}, float32 [B, H, W, C].
      op: float32 [E, K], the weights of the primitives on each edge.
      beta: float32 [T], the weights of the transitions.
      training: Whether to normalise with the batch's statistics.
      update_statistics: Whether to fold those into the moving ones.
    """
    inputs = mixed_op.CellInputs(
      tf.concat(prevs, axis=-1),
      prev_prev,
      op,
      beta,
      tuple(tuple(map(tf.convert_to_tensor, w)) for w in self.op_weights),
      tf.convert_to_tensor(self.moving_mean),
      tf.convert_to_tensor(self.moving_variance),
    )
    path = fused_cell.for_shape if self.fused else mixed_op.ReferenceCell
    compute = path(self.cell, self.filters, self.num_transitions)
    output, mean, variance = compute(inputs, training)
    if training and update_statistics:
      batch_norm.fold(self.moving_mean, mean)
      batch_norm.fold(self.moving_variance, variance)
    return output
