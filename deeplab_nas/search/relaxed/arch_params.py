"""alpha, beta and gamma: the variables of a relaxed architecture.

Reference:
  Auto-DeepLab, Sec. 4.1, https://arxiv.org/abs/1901.02985
  gamma: PC-DARTS, Sec. 3.3, https://arxiv.org/abs/1907.05737
"""

from __future__ import annotations

import tensorflow as tf

from deeplab_nas.space import arch_weights, cell_space, lattice, search_space
from deeplab_nas.space.decoding import path_logits


class ArchParams(tf.Module):
  """Unnormalised weights of all operations and transitions.

  Attributes:
    space: The search space.
    alpha: float32 [E, K].
    beta: float32 [L, S, 3]; entries of illegal moves have no effect. With
      global paths, what a transition adds to the logit of its paths.
    gamma: float32 [E], the cell's edges, which PC-DARTS calls beta; None
      without partial channels.
  """

  def __init__(
    self,
    space: search_space.SearchSpace,
    stddev: float = 1e-3,
    seed: int | None = None,
  ):
    """Draws all from N(0, stddev**2), as the paper does alpha and beta."""
    super().__init__(name='arch_params')
    self.space = space
    generator = tf.random.Generator.from_seed(seed or 0)
    num_primitives = len(space.cell.primitives)
    self.alpha = tf.Variable(
      generator.normal([len(space.cell.edges), num_primitives], stddev=stddev),
      name='alpha',
    )
    self.beta = tf.Variable(
      generator.normal(space.lattice.legal.shape, stddev=stddev), name='beta'
    )
    self.gamma = None
    if space.partial_channels > 1:
      self.gamma = tf.Variable(
        generator.normal([len(space.cell.edges)], stddev=stddev), name='gamma'
      )

  @property
  def by_name(self) -> dict[str, tf.Variable]:
    """'alpha', 'beta' and, with partial channels, 'gamma'."""
    named = {'alpha': self.alpha, 'beta': self.beta, 'gamma': self.gamma}
    return {name: v for name, v in named.items() if v is not None}

  def weights(self) -> arch_weights.ArchWeights:
    """The normalised weights: softmax of alpha, and of beta by Eq. (7).

    With partial channels those of an operation are weighted by its edge's.
    """
    return self.with_gamma(
      tf.nn.softmax(self.alpha),
      transition_probs(self.move_logits(), self.space.lattice),
    )

  def move_logits(self, beta: tf.Tensor | None = None) -> tf.Tensor:
    """Logits of the moves out of each node, of which a softmax is taken.

    They are beta; with global paths those of the same distribution over paths,
    see `path_logits`.

    Args:
      beta: float32 [L, S, 3], in place of this one's.
    """
    beta = self.beta if beta is None else beta
    if self.space.has_global_paths:
      return path_logits.move_logits(beta, self.space.lattice, tf)
    return beta

  def with_gamma(
    self, op: tf.Tensor, transition: tf.Tensor
  ) -> arch_weights.ArchWeights:
    """Those weights; with partial channels, each edge times its softmax.

    Args:
      op: float32 [E, K], rows sum to 1.
      transition: float32 [L, S, 3].
    """
    if self.gamma is not None:
      op *= source_probs(self.gamma, self.space.cell)[:, tf.newaxis]
    return arch_weights.ArchWeights(op, transition)


def source_probs(logits: tf.Tensor, cell: cell_space.CellSpace) -> tf.Tensor:
  """Softmax over the edges into each block, float32 [E] from [E]."""
  sizes = [len(cell.sources(block)) for block in range(cell.num_blocks)]
  return tf.concat([tf.nn.softmax(x) for x in tf.split(logits, sizes)], 0)


def transition_probs(logits: tf.Tensor, grid: lattice.Lattice) -> tf.Tensor:
  """Softmax over the legal moves that leave each node, Eq. (7).

  Args:
    logits: float32 [L, S, 3], one per (layer, source level, move).
    grid: The lattice that says which moves are legal.

  Returns:
    float32 [L, S, 3]. Rows of nodes that exist sum to 1, rows of others are 0,
    and illegal moves are exactly 0.
  """
  return masked_softmax(logits, tf.constant(grid.legal))


def masked_softmax(logits: tf.Tensor, legal: tf.Tensor) -> tf.Tensor:
  """Softmax of each row over what is legal, exactly 0 elsewhere.

  Args:
    logits: float32 [..., N].
    legal: bool [..., N].

  Returns:
    float32 [..., N]; rows of which nothing is legal are 0.
  """
  return tf.where(legal, tf.nn.softmax(_masked(logits, legal)), 0.0)


def masked_log_softmax(logits: tf.Tensor, legal: tf.Tensor) -> tf.Tensor:
  """The logs of `masked_softmax`, 0 where that is not legal."""
  return tf.where(legal, tf.nn.log_softmax(_masked(logits, legal)), 0.0)


def _masked(logits: tf.Tensor, legal: tf.Tensor) -> tf.Tensor:
  exists = tf.reduce_any(legal, axis=-1, keepdims=True)
  masked = tf.where(legal, logits, -float('inf'))
  return tf.where(exists, masked, 0.0)  # no softmax of nothing
