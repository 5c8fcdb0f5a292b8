"""A cell of which few operations are computed, one function for all nodes.

Blocks one after the other; each edge adds its operation's result to its block,
or nothing. Backwards the other way round, from the states, which are kept; what
is inside of an operation is computed again.
"""

from __future__ import annotations

import functools
from typing import NamedTuple

import tensorflow as tf

from deeplab_nas.nn.kernels import cases
from deeplab_nas.nn.supernet.sampled import operator as sampled_operator
from deeplab_nas.space import cell_space


class Slots(NamedTuple):
  """The operations that a cell may compute: for each edge in turn one or more.

  Attributes:
    primitive: int32 [M], the number of each's primitive; K computes nothing.
    scale: float32 [M], its weight.
    at: int32 [M], where its weights begin in those that the node touches.
    norm_at: int32 [M], where its norms begin in the sample's.
  """

  primitive: tf.Tensor
  scale: tf.Tensor
  at: tf.Tensor
  norm_at: tf.Tensor


_SLOTS = Slots(
  *(tf.TensorSpec([None], dtype) for dtype in ('int32', 'float32')),
  *[tf.TensorSpec([None], tf.int32)] * 2,
)
_FLAT, _ROWS = tf.TensorSpec([None]), tf.TensorSpec([None, None])


class SampledCell:
  """The functions of a cell of any size; see `for_kind`.

  Attributes:
    kind: Of its operations.
    cell: The cell space.
    per_edge: Slots of an edge.
  """

  def __init__(
    self,
    kind: sampled_operator.Kind,
    num_blocks: int,
    per_edge: int,
    training: bool,
  ):
    self.kind = kind
    self.cell = cell_space.CellSpace(num_blocks, kind.primitives)
    self.per_edge = per_edge
    self._training = training

  @functools.cached_property
  def forward(self) -> cases.Function:
    """(prev, prev_prev, *slots, weights, mean, variance) -> blocks and more.

    Blocks [B, H, W, num_blocks * C]; mean and variance, [r, C/K], that served.
    """
    state = self.kind.spec
    return cases.traced(
      self._forward, [state, state, *_SLOTS, _FLAT, _ROWS, _ROWS]
    )

  @functools.cached_property
  def backward(self) -> cases.Function:
    """(prev, prev_prev, blocks, g, *slots, weights) -> their gradients.

    Those of prev, prev_prev and weights.
    """
    return cases.traced(self._backward, [*[self.kind.spec] * 4, *_SLOTS, _FLAT])

  def _forward(self, prev, prev_prev, *args):
    functions = sampled_operator.forward(self.kind, self._training)
    slots, (weights, mean, variance) = Slots(*args[:4]), args[4:]
    slots = Slots(*map(self._unstack, slots))
    states, means, variances = [prev, prev_prev], [], []
    for block in range(self.cell.num_blocks):
      total = tf.zeros_like(prev)
      for source, i in self._into(block):
        total, *used = cases.choose(
          slots.primitive[i],
          functions,
          [
            states[source],
            total,
            slots.scale[i],
            weights,
            slots.at[i],
            mean,
            variance,
            slots.norm_at[i],
          ],
        )
        means.append(used[0])
        variances.append(used[1])
      total.set_shape([None] * 4)
      states.append(total)
    blocks = tf.concat(states[2:], axis=-1)
    return blocks, tf.concat(means, 0), tf.concat(variances, 0)

  def _backward(self, prev, prev_prev, blocks, g, *args):
    functions = sampled_operator.backward(self.kind)
    slots, weights = Slots(*args[:4]), args[4]
    slots = Slots(*map(self._unstack, slots))
    num_blocks = self.cell.num_blocks
    states = [prev, prev_prev, *tf.split(blocks, num_blocks, axis=-1)]
    zeros = tf.zeros_like(prev)
    gradients = [zeros, zeros, *tf.split(g, num_blocks, axis=-1)]
    of_weights = {}
    for block in reversed(range(num_blocks)):
      for source, i in self._into(block):
        gradients[source], of_weights[i] = cases.choose(
          slots.primitive[i],
          functions,
          [
            states[source],
            gradients[2 + block],
            gradients[source],
            slots.scale[i],
            weights,
            slots.at[i],
          ],
        )
    flat = tf.concat([of_weights[i] for i in sorted(of_weights)], 0)
    return gradients[0], gradients[1], flat

  def _into(self, block: int) -> list[tuple[int, int]]:
    """Source and number of each slot that leads into a block."""
    return [
      (source, self.cell.edge_index(source, block) * self.per_edge + i)
      for source in self.cell.sources(block)
      for i in range(self.per_edge)
    ]

  def _unstack(self, x: tf.Tensor) -> list[tf.Tensor]:
    return tf.unstack(x, len(self.cell.edges) * self.per_edge)


@functools.cache
def for_kind(
  kind: sampled_operator.Kind, num_blocks: int, per_edge: int, training: bool
) -> SampledCell:
  """The one that all nodes of this kind call."""
  return SampledCell(kind, num_blocks, per_edge, training)
