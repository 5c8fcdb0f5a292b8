"""The controller of ENAS: a distribution over one-hot architecture weights.

An LSTM decides step by step: the move into each layer, then for each block its
two sources and their two primitives, as in Sec. 2.4. A source is picked by
attention over what the LSTM said of the inputs and of the earlier blocks:

  logit_j = c tanh(s_j - mean(s)),  s_j = v . tanh(W1 h_j + u_j + W2 h_t)

and a move or a primitive by c tanh(softmax weights . h_t), with a smaller c for
primitives, as in the authors' code.

Reference:
  Pham et al., ENAS, Sec. 2, https://arxiv.org/abs/1802.03268
  Bello et al., Neural combinatorial optimization, Appendix A.2, for c tanh,
  https://arxiv.org/abs/1611.09940
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from deeplab_nas.space import arch_weights, cell_space, lattice, search_space

# All weights at the start are uniform in +-.1, as in the paper.
_SCALE = 0.1
# Of the authors' code: how much less sure it may be of a primitive.
_OF_PRIMITIVES = 2.5
# From the number of a decision and its log probabilities [N, M], -inf of what
# is illegal, to the choice of each of N architectures, int64 [N].
Choose = Callable[[int, tf.Tensor], tf.Tensor]


class Drawn(NamedTuple):
  """N architectures, as the decisions that led there.

  Attributes:
    choices: int64 [N, T].
    log_prob: float32 [N], of the decisions in this order.
    entropy: float32 [N], sum of those of all decisions on the way, in nats.
    weights: One-hot: `op` [N, E, K], `transition` [N, L, S, 3].
  """

  choices: tf.Tensor
  log_prob: tf.Tensor
  entropy: tf.Tensor
  weights: arch_weights.ArchWeights


class AttentionController(tf.Module):
  """An LSTM whose steps are decisions; what is illegal has probability 0.

  A block reads two different sources, never by `none`. Each connection of an
  architecture is decided once, in either order: the probability of an
  architecture is the sum over the orders of its blocks' sources.

  Differs from the paper: embeddings, v and W2 are of one decision, the softmax
  weights of a move are its node's, and those of a primitive its edge's. Where
  all share them, an LSTM that is still near its start says nearly the same at
  each decision, and what one of them learns moves all. And which primitive is
  the better one depends on the source, which may be picked first or second:
  until the LSTM tells these apart, the reward speaks for neither. So that one
  block may tell sources apart that another one need not, each decision has an
  embedding u_j of each source, too; and as only differences of scores matter,
  their mean is taken off, which else can drift to where tanh has no gradient.

  Attributes:
    num_decisions: T.
    max_options: M, of the decision that has most.
  """

  def __init__(
    self,
    space: search_space.SearchSpace,
    num_units: int,
    tanh_constant: float,
    seed: int,
  ):
    """Draws all weights by the seed.

    Args:
      space: The search space.
      num_units: Of the LSTM.
      tanh_constant: c, the largest logit.
      seed: Of the weights.
    """
    super().__init__(name='controller')
    self._space, self._units = space, num_units
    self._bound = tanh_constant
    self._generator = tf.random.Generator.from_seed(seed)
    self._count = 0
    self._primitives = [
      k for k, p in enumerate(space.cell.primitives) if not p.is_none
    ]
    num_layers, num_blocks = space.lattice.num_layers, space.cell.num_blocks
    self.num_decisions = num_layers + 4 * num_blocks
    num_primitives = len(self._primitives)
    self.max_options = max(
      len(lattice.MOVES), num_primitives, space.cell.num_sources - 1
    )
    self._lstm = tf.keras.layers.LSTMCell(
      num_units,
      kernel_initializer=self._uniform,
      recurrent_initializer=self._uniform,
    )
    self._lstm.build([None, num_units])
    self._start = self._variable('start', 1, num_units)
    moves, levels = len(lattice.MOVES), space.lattice.num_levels
    self._move_embeddings, self._of_moves = (
      [self._variable(name, *shape) for _ in range(num_layers)]
      for name, shape in (
        ('move', [moves, num_units]),
        ('of_move', [levels, num_units, moves]),
      )
    )
    self._build_cell(space.cell, num_units)

  def _build_cell(self, cell: cell_space.CellSpace, num_units: int) -> None:
    """What decides on primitives and sources."""
    num_primitives, slots = len(self._primitives), range(2 * cell.num_blocks)
    self._primitive_embeddings = [
      self._variable('primitive', num_primitives, num_units) for _ in slots
    ]
    self._of_primitives = self._variable(
      'of_primitive', len(cell.edges), num_units, num_primitives
    )
    # The two inputs of the cell have no LSTM output to be attended by.
    self._inputs = self._variable('inputs', 2, num_units)
    self._of_anchors = self._variable('w1', num_units, num_units)
    self._of_queries = [
      self._variable('w2', num_units, num_units) for _ in slots
    ]
    self._attention = [self._variable('v', num_units, 1) for _ in slots]
    self._source_embeddings = [
      self._variable('u', 2 + i // 2, num_units) for i in slots
    ]

  def _uniform(self, shape: Sequence[int], dtype=tf.float32, **_) -> tf.Tensor:
    return self._generator.uniform(shape, -_SCALE, _SCALE, dtype)

  def _variable(self, name: str, *shape: int) -> tf.Variable:
    self._count += 1  # names of their own
    return tf.Variable(self._uniform(shape), name=f'{name}_{self._count}')

  def sample(self, count: int, noise: tf.Tensor) -> Drawn:
    """Draws so many architectures.

    Args:
      count: N.
      noise: float32 [N, T, M], standard Gumbel.
    """

    def choose(t: int, log_probs: tf.Tensor) -> tf.Tensor:
      return tf.argmax(log_probs + noise[:, t, : log_probs.shape[1]], 1)

    return self.follow(count, choose)

  def greedy(self) -> Drawn:
    """One architecture: the most probable option at each decision."""
    return self.follow(1, lambda t, log_probs: tf.argmax(log_probs, 1))

  def given(self, choices: tf.Tensor) -> Drawn:
    """The architectures of known decisions, int64 [N, T]."""
    return self.follow(choices.shape[0], lambda t, log_probs: choices[:, t])

  def follow(self, count: int, choose: Choose) -> Drawn:
    """N architectures, decided by a function."""
    walk = _Walk(self._lstm, count, self._units, choose)
    inputs = tf.repeat(self._start, count, 0)
    transition, inputs = self._path(walk, inputs)
    op = self._cell(walk, inputs)
    return Drawn(
      tf.stack(walk.choices, 1),
      tf.add_n(walk.log_probs),
      tf.add_n(walk.entropies),
      arch_weights.ArchWeights(op, transition),
    )

  def _path(self, walk, inputs) -> tuple[tf.Tensor, tf.Tensor]:
    """Transitions [N, L, S, 3], and the input of the step that comes next."""
    grid = self._space.lattice
    level = tf.zeros([walk.count], tf.int64)  # the stem's
    layers = []
    for layer in range(grid.num_layers):
      outputs = walk.step(inputs)
      legal = tf.gather(tf.constant(grid.legal[layer]), level)
      logits = _logits(outputs, tf.gather(self._of_moves[layer], level))
      move = walk.decide(self._bound * logits, legal)
      layers.append(
        tf.one_hot(level, grid.num_levels)[:, :, tf.newaxis]
        * tf.one_hot(move, len(lattice.MOVES))[:, tf.newaxis]
      )
      level += move - lattice.SAME
      inputs = tf.gather(self._move_embeddings[layer], move)
    return tf.stack(layers, 1), inputs

  def _cell(self, walk, inputs) -> tf.Tensor:
    """Operations [N, E, K]."""
    cell = self._space.cell
    anchors = [tf.repeat(x, walk.count, 0) for x in tf.split(self._inputs, 2)]
    connections = []
    for block in range(cell.num_blocks):
      sources, inputs = self._sources(walk, inputs, anchors, block)
      for slot in range(2):
        edge = sources[slot] + cell.edge_index(0, block)
        weights = tf.gather(self._of_primitives, edge)
        logits = _logits(walk.step(inputs), weights)
        choice = walk.decide(self._bound / _OF_PRIMITIVES * logits)
        embedding = self._primitive_embeddings[2 * block + slot]
        inputs = tf.gather(embedding, choice)
        primitive = tf.gather(tf.constant(self._primitives), choice)
        connections.append(
          tf.one_hot(edge, len(cell.edges))[:, :, tf.newaxis]
          * tf.one_hot(primitive, len(cell.primitives))[:, tf.newaxis]
        )
      anchors.append(walk.step(inputs))
      inputs = anchors[-1]
    return tf.add_n(connections)

  def _sources(self, walk, inputs, anchors, block):
    """Two different ones of a block, int64 [N] each, and the next input."""
    keys = tf.stack(anchors, 1)  # [N, J, H]
    seen = keys @ self._of_anchors
    legal, chosen = tf.ones(keys.shape[:2], bool), []
    for slot in range(2):
      number = 2 * block + slot
      query = walk.step(inputs) @ self._of_queries[number]
      source = seen + self._source_embeddings[number]
      scores = tf.tanh(source + query[:, tf.newaxis]) @ self._attention[number]
      scores -= tf.reduce_mean(scores, 1, keepdims=True)
      choice = walk.decide(self._bound * tf.tanh(scores[..., 0]), legal)
      legal &= ~tf.one_hot(choice, len(anchors), True, False)
      inputs = tf.gather(keys, choice, batch_dims=1)
      chosen.append(choice)
    return chosen, inputs


def _logits(outputs: tf.Tensor, weights: tf.Tensor) -> tf.Tensor:
  """tanh of each output [N, H] times weights of its own [N, H, M], [N, M]."""
  return tf.tanh(tf.einsum('nh,nhm->nm', outputs, weights))


class _Walk:
  """The state of the LSTM, and what has been decided on the way."""

  def __init__(
    self,
    lstm: tf.keras.layers.LSTMCell,
    count: int,
    num_units: int,
    choose: Choose,
  ):
    self.count = count
    self._lstm, self._choose = lstm, choose
    self._state = [tf.zeros([count, num_units])] * 2
    self.choices, self.log_probs, self.entropies = [], [], []

  def step(self, inputs: tf.Tensor) -> tf.Tensor:
    """The LSTM's next output, [N, H]."""
    output, self._state = self._lstm(inputs, self._state)
    return output

  def decide(
    self, logits: tf.Tensor, legal: tf.Tensor | np.ndarray | None = None
  ) -> tf.Tensor:
    """The choice of each architecture, int64 [N].

    Args:
      logits: float32 [N, M].
      legal: bool [N, M]; None if all are.
    """
    if legal is None:
      legal = tf.ones(logits.shape, bool)
    log_probs = tf.nn.log_softmax(tf.where(legal, logits, -float('inf')))
    choice = self._choose(len(self.choices), log_probs)
    finite = tf.where(legal, log_probs, 0.0)
    self.choices.append(choice)
    self.log_probs.append(tf.gather(log_probs, choice, batch_dims=1))
    self.entropies.append(-tf.reduce_sum(tf.exp(log_probs) * finite, 1))
    return choice
