"""A node of the supernet: one cell for up to three transitions into it.

Reference:
  Auto-DeepLab, Sec. 4.1, Eq. (6), https://arxiv.org/abs/1901.02985
"""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf

from deeplab_nas.nn.kernels import batch_norm, phases, replicas
from deeplab_nas.nn.supernet import fused_node, reference_node
from deeplab_nas.nn.supernet import layout as layout_lib


class Cell(tf.keras.layers.Layer):
  """Computes sum_t beta_t Cell(prev_t, prev_prev; alpha), Eq. (6).

  Brings its inputs to its own stride and filters first. Owns the weights of all
  its edges; the transitions share them (the paper does not say), and each
  transition has batch statistics of its own. No norm has a scale or an offset:
  a weight alpha follows.

  Computes in the dtype of its inputs; its variables are float32.

  Attributes:
    shape: Cell space, filters, inputs.
    layout: What lies where in the three variables.
    fused: Whether to take the fast path (`FusedNode`) or the readable
      definition (`ReferenceNode`); they are the same function.
    recompute: Whether the fast path stores its inputs alone for the gradient.
    kernel_vector: float32 [N], the weights of all convolutions.
    moving_mean: float32 [R, C].
    moving_variance: float32 [R, C].
    momentum: Share of the old moving statistics in the new.
  """

  momentum = batch_norm.MOMENTUM

  def __init__(
    self,
    shape: layout_lib.NodeShape,
    fused: bool = True,
    recompute: bool = True,
    name: str | None = None,
  ):
    super().__init__(name=name, autocast=False)
    self.shape = shape
    self.layout = layout_lib.make(shape)
    self.fused = fused
    self.recompute = recompute

  def build(self, input_shape=None):
    self.kernel_vector = self.add_weight(
      'kernel_vector',
      [self.layout.num_weights],
      initializer=self.layout.initial_weights,
    )
    self.moving_mean, self.moving_variance = (
      self.add_weight(
        name,
        [self.layout.num_rows, self.shape.mixed_filters],
        initializer=initializer,
        trainable=False,
        **replicas.OWN_STATISTICS,
      )
      for name, initializer in (
        ('moving_mean', 'zeros'),
        ('moving_variance', 'ones'),
      )
    )
    super().build(input_shape)

  def call(
    self,
    prevs: Sequence[tf.Tensor],
    prev_prev: tf.Tensor,
    op: tf.Tensor,
    beta: tf.Tensor,
    size: tuple[int, int] | tf.Tensor,
    phase: phases.Phase = phases.INFERENCE,
  ) -> tf.Tensor:
    """Computes [B, *size, num_blocks * C].

    Args:
      prevs: For each transition its H^{l-1}, [B, h, w, channels].
      prev_prev: H^{l-2}, [B, h, w, channels].
      op: float32 [E, K], the weights of the primitives on each edge.
      beta: float32 [T], the weights of the transitions.
      size: Height and width of the node.
      phase: What the pass is for.
    """
    inputs = reference_node.NodeInputs(
      tuple(prevs),
      prev_prev,
      op,
      beta,
      tf.convert_to_tensor(self.kernel_vector),
      tf.convert_to_tensor(self.moving_mean),
      tf.convert_to_tensor(self.moving_variance),
    )
    if not phase.weights_learn:
      inputs = inputs._replace(weights=tf.stop_gradient(inputs.weights))
    if self.fused:
      compute = fused_node.for_shape(self.shape)
      outputs = compute(inputs, size, phase, self.recompute)
    else:
      compute = reference_node.ReferenceNode(self.shape)
      outputs = compute(inputs, size, phase)
    if phase.training and phase.statistics_move:
      batch_norm.fold(self.moving_mean, outputs.mean)
      batch_norm.fold(self.moving_variance, outputs.variance)
    return outputs.output
