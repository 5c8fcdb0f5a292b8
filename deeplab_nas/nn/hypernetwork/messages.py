"""A graph neural network over the cells along a path.

Reference:
  Zhang, Ren and Urtasun, Graph hypernetworks for neural architecture search,
  Sec. 3 and 4, https://arxiv.org/abs/1810.05749
"""

from __future__ import annotations

import tensorflow as tf

from deeplab_nas.nn.hypernetwork import graph
from deeplab_nas.space import search_space


class MessagePassing(tf.Module):
  """Embeds each operation of an architecture, and each of its layers.

      h_v <- GRU(h_v, sum_{u in N(v)} MLP(h_u))

  A sweep visits the nodes of a cell in topological order, N(v) being what v
  reads, and then back again but for the last one, N(v) being what reads v: 2N -
  1 updates. After some sweeps the mean of a cell's nodes is its embedding, and
  is added to the first state of the nodes of later cells that read it, with the
  same weights for all layers (stacked GHNs, Sec. 4.3).

  Differs from the paper: a node's first state also has embeddings of the level
  of its layer and of the move to it, which a path here is made of; both
  directions share the MLP and the GRU, which the paper leaves open.

  Attributes:
    num_units: H, of a state.
    cell: The GRU.
    mlp: The two layers that make a message of a state.
    kinds: float32 variable [kinds, H], the states before the first sweep.
    levels: float32 variable [levels, H].
    moves: float32 variable [3, H].
  """

  def __init__(
    self, space: search_space.SearchSpace, num_units: int, num_sweeps: int
  ):
    """Makes the variables.

    Args:
      space: Of the architectures.
      num_units: H, also of both layers of the MLP.
      num_sweeps: T, forward and backward.
    """
    super().__init__(name='message_passing')
    self.num_units = num_units
    self._num_sweeps = num_sweeps
    self._groups = graph.groups(space.cell.num_blocks)
    self.cell = tf.keras.layers.GRUCell(num_units, name='gru')
    self.cell.build([None, num_units])
    self.mlp = [
      tf.keras.layers.Dense(num_units, activation, name=f'message_{i}')
      for i, activation in enumerate(('relu', None))
    ]
    for layer in self.mlp:
      layer.build([None, num_units])
    self.kinds, self.levels, self.moves = (
      tf.Variable(tf.random.normal([count, num_units]), name=name)
      for name, count in (
        ('kinds', len(graph.kinds_of(space))),
        ('levels', space.lattice.num_levels),
        ('moves', 3),
      )
    )
    self._swept = tf.function(self._sweep, autograph=False)
    self._embedded = tf.function(self._embed, autograph=False)

  def __call__(self, described: graph.CellGraph) -> tf.Tensor:
    """States after all sweeps, float32 [L, N, H]."""
    return self._embedded(*map(tf.convert_to_tensor, described))

  def _embed(
    self,
    kinds: tf.Tensor,
    reads: tf.Tensor,
    levels: tf.Tensor,
    moves: tf.Tensor,
  ) -> tf.Tensor:
    nodes = tf.gather(self.kinds, kinds)  # [N, H]
    layers = tf.gather(self.levels, levels) + tf.gather(self.moves, moves)
    is_prev_prev, is_prev = (
      tf.one_hot(node, nodes.shape[0])[:, tf.newaxis]
      for node in (graph.PREV_PREV, graph.PREV)
    )
    before = [tf.zeros([self.num_units])] * 2  # of the layers before
    found = []
    for layer in tf.unstack(layers):
      states = nodes + layer + is_prev_prev * before[0] + is_prev * before[1]
      for _ in range(self._num_sweeps):
        states = self._swept(states, reads)
      found.append(states)
      before = [before[1], tf.reduce_mean(states, axis=0)]
    return tf.stack(found)

  def _sweep(self, states: tf.Tensor, reads: tf.Tensor) -> tf.Tensor:
    """All nodes forward and back, float32 [N, H]."""
    groups = self._groups
    states = [tf.gather(states, group) for group in groups]
    messages = [self._message(x) for x in states]
    forward = [(i, reads) for i in range(len(groups))]
    backward = [(i, tf.transpose(reads)) for i in range(len(groups) - 1)]
    for index, neighbours in [*forward, *reversed(backward)]:
      rows = tf.gather(neighbours, groups[index])
      incoming = rows @ tf.concat(messages, axis=0)  # groups are in order
      states[index], _ = self.cell(incoming, [states[index]])
      messages[index] = self._message(states[index])
    return tf.concat(states, axis=0)

  def _message(self, states: tf.Tensor) -> tf.Tensor:
    for layer in self.mlp:
      states = layer(states)
    return states
