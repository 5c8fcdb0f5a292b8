"""Single paths: weights that learn for all architectures alike, then evolution.

Every weight step trains one architecture a, drawn without regard to what others
have lost,

  W = argmin E_{a ~ U} [ L_train(N(a, W(a))) ]          (Guo et al., Eq. 8)

When the weights are trained, evolution looks for

  a* = argmax_a ACC_val(N(a, W(a)))                     (Guo et al., Eq. 7)

by the loss of half B, with batch-norm statistics of its own for each
architecture. Two ways to draw from U:

  uniform        Each step independently: two different sources of each block,
                 a primitive for each.
  strictly_fair  Every S steps, each of the S sources of a block is read twice,
                 and every K times that it is, each of its K primitives is
                 computed once. So the numbers of trainings are equal always,
                 not only in the mean (Chu et al., strict fairness).

Reference:
  Guo et al., Single Path One-Shot NAS, https://arxiv.org/abs/1904.00420
  Chu et al., FairNAS, Sec. 3, https://arxiv.org/abs/1907.01845
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import tensorflow as tf

from deeplab_nas.config import config as config_lib
from deeplab_nas.config import relaxed_strategies
from deeplab_nas.nn.kernels import replicas
from deeplab_nas.nn.supernet import path_flow
from deeplab_nas.search.relaxed import by_logits, cost_term, draws
from deeplab_nas.search.relaxed import strategy as strategy_lib
from deeplab_nas.search.relaxed.scoring import path_evolution
from deeplab_nas.space import (
  arch_weights,
  cell_space,
  decode,
  genotype,
  search_space,
)

STRICTLY_FAIR, UNIFORM = 'strictly_fair', 'uniform'
# Random numbers of a draw.
_SOURCES, _PRIMITIVES, _MOVES = range(3)


class SinglePath(tf.Module):
  """Draws architectures, and at the end lets them evolve.

  Until the end its mode is a champion: with every step of the strategy another
  architecture is compared with it on the batch of half B, and the better one
  stays. With a budget, both keep it.

  Differs from the papers:
  - Paths of the lattice, which neither has, are uniform over all paths with
    either way of drawing: a node trains in proportion to the paths through it.
  - The K architectures of a round of FairNAS share one move of the weights.
    Here each has a step of its own, so that a step costs what one path does.
  - Fairness is about sources, too, which FairNAS has not.
  - The loss decides in place of the accuracy: on few images it tells more
    architectures apart.

  Attributes:
    ops_per_edge: See `strategy.ByPaths`, as `compares_paths`.
    op: float32 variable [E, K], of the champion.
    transition: float32 variable [L, S, 3], of the champion.
    num_compared: int64 variable [], comparisons with a champion.
  """

  ops_per_edge = 1
  compares_paths = True

  def __init__(
    self,
    space: search_space.SearchSpace,
    config: config_lib.SearchConfig,
    seed: int,
    settings: relaxed_strategies.SinglePathConfig,
  ):
    """Takes the settings in common and the strategy's own section."""
    super().__init__(name=config.strategy)
    self.space, self.seed, self.settings = space, seed, settings
    self._decode_score = config.decode
    self._costs: cost_term.CostTerm | None = None
    first = arch_weights.one_hot(space.random(seed), space)
    self.op = replicas.state('op', first.op, tf.float32)
    self.transition = replicas.state('transition', first.transition, tf.float32)
    self.num_compared = replicas.state('num_compared', 0, tf.int64)

  @property
  def costs(self) -> cost_term.CostTerm | None:
    """With the budget; None without one."""
    return self._costs

  @costs.setter
  def costs(self, term: cost_term.CostTerm) -> None:
    """Begins with a champion within the budget."""
    self._costs = term
    self._crown(self.evolution.random(np.random.default_rng(self.seed)))

  @property
  def evolution(self) -> path_evolution.PathEvolution:
    """What decides, when the weights are trained."""
    return path_evolution.PathEvolution(self.space, self.settings, self._costs)

  @property
  def num_scored(self) -> int:
    """See `strategy.Concluding`."""
    return self.settings.population_size * self.settings.num_generations

  def sample(self, progress: strategy_lib.Progress) -> arch_weights.ArchWeights:
    drawn = self.draw(progress, by_logits.WEIGHT_DRAW)
    if self.settings.sampling == STRICTLY_FAIR:
      drawn = drawn._replace(op=self._fair(progress.step))
    return drawn

  def draw(
    self, progress: strategy_lib.Progress, number: int
  ) -> arch_weights.ArchWeights:
    """A uniform architecture.

    Args:
      progress: Of the step.
      number: Which of the draws of that step, from 0.
    """
    return arch_weights.ArchWeights(
      self._uniform(progress, number), self._path(progress, number)
    )

  def mode(self) -> arch_weights.ArchWeights:
    return arch_weights.ArchWeights(
      tf.convert_to_tensor(self.op), tf.convert_to_tensor(self.transition)
    )

  def update(self, step: strategy_lib.ArchStep) -> tf.Tensor:
    champion = self.mode()
    other = self.draw(step.progress, by_logits.ARCH_DRAW)
    shares = [step.loss(step.val, weights) for weights in (champion, other)]
    ours, theirs = map(replicas.total, shares)
    is_better = tf.math.is_finite(theirs) & ~(ours <= theirs)
    if self._costs is not None:
      is_better &= self._costs.of_path(other) <= self._costs.allowed
    for variable, new in zip((self.op, self.transition), other):
      variable.assign(tf.where(is_better, new, variable))
    value = tf.stop_gradient(tf.where(is_better, shares[1], shares[0]))
    is_finite = tf.math.is_finite(tf.where(is_better, theirs, ours))
    self.num_compared.assign_add(tf.cast(is_finite, tf.int64))
    return tf.where(is_finite, value, float('nan'))

  def conclude(
    self, score: strategy_lib.Score
  ) -> Mapping[genotype.Genotype, float]:
    """Lets architectures evolve; see `strategy.Concluding`."""
    scores = self.evolution.run(score, self.seed)
    self._crown(next(iter(scores)))
    return scores

  def genotype(self) -> genotype.Genotype:
    weights = arch_weights.ArchWeights(*(x.numpy() for x in self.mode()))
    return decode.decode(weights, self.space, self._decode_score)

  def _crown(self, found: genotype.Genotype) -> None:
    best = arch_weights.one_hot(found, self.space)
    self.op.assign(best.op)
    self.transition.assign(best.transition)

  def _noise(self, shape, progress, number: int, use: int) -> tf.Tensor:
    key = draws.key(self.seed, progress, 4 * number + use)
    return draws.gumbel(shape, key)

  def _path(self, progress, number: int) -> tf.Tensor:
    """Each move with the share of the paths that take it, [L, S, 3]."""
    grid = self.space.lattice
    logits = np.zeros(grid.legal.shape, np.float32)
    for edge in grid.edges:
      logits[edge.index] = math.log(grid.num_paths_from[edge.target])
    noise = self._noise(logits.shape, progress, number, _MOVES)
    moves = draws.one_hot(logits + noise, grid.legal)
    return path_flow.through_transitions(moves, grid)

  def _uniform(self, progress, number: int) -> tf.Tensor:
    """Two different sources of each block, a primitive for each, [E, K]."""
    cell = self.space.cell
    shape = len(cell.edges), len(cell.primitives)
    order = self._noise(shape[:1], progress, number, _SOURCES)
    sizes = [len(cell.sources(block)) for block in range(cell.num_blocks)]
    is_read = [
      tf.reduce_sum(tf.one_hot(tf.math.top_k(part, 2).indices, size), 0)
      for part, size in zip(tf.split(order, sizes), sizes)
    ]
    noise = self._noise(shape, progress, number, _PRIMITIVES)
    legal = np.broadcast_to([not p.is_none for p in cell.primitives], shape)
    return draws.one_hot(noise, legal) * tf.concat(is_read, 0)[:, tf.newaxis]

  def _fair(self, step: tf.Tensor) -> tf.Tensor:
    """The next two sources of each block, and their next primitives, [E, K]."""
    cell = self.space.cell
    return tf.concat(
      [self._fair_block(cell, block, step) for block in range(cell.num_blocks)],
      0,
    )

  def _fair_block(
    self, cell: cell_space.CellSpace, block: int, step: tf.Tensor
  ) -> tf.Tensor:
    """float32 [S, K]: places i and i + 1 of a random order, at step i."""
    size = len(cell.sources(block))
    choices = [k for k, p in enumerate(cell.primitives) if not p.is_none]
    turn, at = step // size, tf.cast(step % size, tf.int32)
    order = self._order(size, turn, block)
    found = []
    for place in (at, (at + 1) % size):
      source = order[place]
      # A place is read as the second of two, and then as the first; place 0,
      # which comes after the last one, the other way round.
      is_again = (place == at) == (place > 0)
      use = 2 * turn + tf.cast(is_again, tf.int64)
      edge = cell.num_blocks + cell.edge_index(0, block) + source
      primitives = self._order(len(choices), use // len(choices), edge)
      chosen = tf.gather(choices, primitives[use % len(choices)])
      found.append(
        tf.one_hot(source, size)[:, tf.newaxis]
        * tf.one_hot(chosen, len(cell.primitives))
      )
    return tf.add_n(found)

  def _order(
    self, size: int, turn: tf.Tensor, of: int | tf.Tensor
  ) -> tf.Tensor:
    """A random order of 0 .. size - 1, int32 [size].

    Args:
      size: Of the order.
      turn: int64 [], has an order of its own.
      of: int32 [], the number of a block or, after all of these, of an edge.
    """
    count = self.space.cell.num_blocks + len(self.space.cell.edges)
    number = turn * count + tf.cast(of, tf.int64)
    # No draw has a seed below 0.
    key = tf.stack([tf.constant(-1 - self.seed, tf.int64), number])
    return tf.argsort(tf.random.stateless_uniform([size], key))
