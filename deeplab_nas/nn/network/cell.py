"""A cell of a derived network: the blocks of its genotype, and nothing else.

Reference:
  Auto-DeepLab, Sec. 3.1 and Fig. 3, https://arxiv.org/abs/1901.02985
"""

from __future__ import annotations

import tensorflow as tf

from deeplab_nas.nn.network import conv_norm, drop_path, operators, variables
from deeplab_nas.space import cell_space, genotype, primitives


class DerivedCell(tf.keras.layers.Layer):
  """Both inputs brought to C channels, then blocks, then their concatenation.

  Inputs have the same resolution, the output has half of it if `strides` is 2.

  Attributes:
    filters: C, the filters of a block.
    strides: 2 where the path goes down, else 1.
    prev: Projection of H^{l-1}.
    prev_prev: Projection of H^{l-2}; None if that has C channels already.
    ops: For each block, by its two terms in the genotype's order.
  """

  def __init__(
    self,
    blocks: tuple[genotype.Block, ...],
    filters: int,
    strides: int,
    prev_prev_channels: int,
    dropped: drop_path.ScheduledDropPath,
    norm: conv_norm.NormFactory | None,
    name: str | None = None,
  ):
    """Builds the layers.

    Args:
      blocks: Those of a genotype.
      filters: C.
      strides: 2 to halve the resolution, else 1.
      prev_prev_channels: Of H^{l-2}, which is projected if they are not C.
      dropped: Applied to what every operation but a skip computes.
      norm: Makes batch norms; None leaves them out.
      name: Name of the layer.
    """
    super().__init__(name=name)
    self.blocks = blocks
    self.filters = filters
    self.strides = strides
    self.dropped = dropped
    self.prev = conv_norm.ConvNorm(filters, 1, norm=norm, name='prev')
    self.prev_prev = None
    self.prev_prev_channels = prev_prev_channels
    if prev_prev_channels != filters:
      self.prev_prev = conv_norm.ConvNorm(
        filters, 1, norm=norm, name='prev_prev'
      )
    self.ops = [
      [
        self._op(term, f'block_{i}_term_{j}', norm)
        for j, term in enumerate(block)
      ]
      for i, block in enumerate(blocks)
    ]

  def _op(
    self,
    term: genotype.Connection,
    place: str,
    norm: conv_norm.NormFactory | None,
  ) -> operators.DerivedOp:
    reads_input = term.source in (cell_space.PREV, cell_space.PREV_PREV)
    return operators.DerivedOp(
      primitives.BY_NAME[term.primitive],
      self.filters,
      self.strides if reads_input else 1,
      norm,
      name=f'{place}_{term.primitive}',
    )

  def build(self, input_shape: tf.TensorShape):
    if self.prev_prev is not None:
      variables.create(self.prev_prev, self.prev_prev_channels)
    variables.create(self.prev, input_shape[-1])
    for op in (op for ops in self.ops for op in ops):
      variables.create(op, self.filters)
    super().build(input_shape)

  def call(
    self, prev: tf.Tensor, prev_prev: tf.Tensor, training: bool = False
  ) -> tf.Tensor:
    """Computes [B, H / strides, W / strides, num_blocks * C].

    Args:
      prev: H^{l-1}, float [B, H, W, C'].
      prev_prev: H^{l-2}, float [B, H, W, C''].
      training: Whether batch norm takes the batch's statistics and paths drop.
    """
    if self.prev_prev is not None:
      prev_prev = self.prev_prev(tf.nn.relu(prev_prev), training=training)
    states = {
      cell_space.PREV: self.prev(tf.nn.relu(prev), training=training),
      cell_space.PREV_PREV: prev_prev,
    }
    outputs = []
    for index, (block, ops) in enumerate(zip(self.blocks, self.ops)):
      terms = []
      for connection, op in zip(block, ops):
        x = op(states[connection.source], training=training)
        if op.primitive.kind != 'skip':
          number = 2 * index + len(terms)
          x = self.dropped(x, training=training, index=number)
        terms.append(x)
      outputs.append(terms[0] + terms[1])
      states[f'block_{index}'] = outputs[-1]
    return tf.concat(outputs, axis=-1)
