"""What architectures cost, as a term of the loss of alpha and beta.

  min L_val   with   floor <= E[cost] <= budget

by the method of multipliers. With the excess g = E[cost] / budget - 1, a step
adds max(0, lambda + weight g) dg to the gradient, and then

  lambda <- max(0, lambda + rate g),   rate = cost_rate * arch_learning_rate

so that lambda grows for as long as the budget is exceeded, and falls below it.
The floor has a multiplier of its own: without it, a search whose lambda has
grown would go on to architectures that only skip.

E[cost] is the exact mean of architectures drawn with

  P(architecture) ~ exp(sharpness * score)

where the score is that by which decoding ranks them, by the weights of `mode`.
So decoding finds the most probable one, which at a high sharpness costs about
what the mean does. With the plain mean, of a sharpness of 1, weights that are
still near to even have to prefer cheap operations on every edge to get below a
budget, and decode to skips alone.

Differs from SNAS and ProxylessNAS, which price every edge of the cell: of these
a network keeps two for each block, so that their sum is no cost of a network.

Reference:
  Platt and Barr, Constrained differential optimization, NIPS 1987
  ProxylessNAS, Sec. 3.3, https://arxiv.org/abs/1812.00332 (expected latency)
  SNAS, https://arxiv.org/abs/1812.09926 (expected resources of draws)
  FasterSeg, https://arxiv.org/abs/1912.10917 (cells and paths apart)
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import tensorflow as tf
from absl import logging

from deeplab_nas import commands, errors
from deeplab_nas.config import config as config_lib
from deeplab_nas.nn.kernels import replicas
from deeplab_nas.report import arch_state
from deeplab_nas.run import step_guard
from deeplab_nas.search.relaxed import arch_params
from deeplab_nas.space import (
  arch_weights,
  cost,
  decode,
  expected_cost,
  genotype,
  latency,
  search_space,
  widest,
)
from deeplab_nas.space.decoding import constrained, limits, path_logits

# Settings of a scale by the logits that it is for; gamma weighs operations.
_SCALES = {
  'alpha': 'cost_alpha_scale',
  'beta': 'cost_beta_scale',
  'gamma': 'cost_alpha_scale',
}
# In place of weights of 0, which have no logs.
_SMALLEST = 1e-20


class CostTerm(tf.Module):
  """A budget, and how hard it pulls.

  Attributes:
    model: Counts the networks.
    measure: A key of `widest.MEASURES`, or 'latency_ms'.
    budget: The most that the architecture may cost.
    floor: Below which the mean is not to fall.
    multipliers: float32 variable [2], lambda of the budget and of the floor.
  """

  def __init__(self, model: cost.CostModel, config: config_lib.SearchConfig):
    """Takes the settings of `search.cost_*`.

    Args:
      model: Counts the networks; with latencies, where they are the measure.
      config: With a `cost_budget`.

    Raises:
      UntimedError: If the table of latencies lacks an operation.
    """
    super().__init__(name='cost_term')
    self.model = model
    self.measure, self.budget = config.cost_measure, float(config.cost_budget)
    self._weight, self._sharpness = config.cost_weight, config.cost_sharpness
    self._score = decode.score_of_paths(model.space, config.decode)
    self._rate = config.cost_rate * config.arch_learning_rate
    self._scales = {
      name: getattr(config, setting) for name, setting in _SCALES.items()
    }
    self._tables = model.measure_tables(self.measure)
    # A budget above what even weights cost is none to grow up to.
    even = float(self.expected(_even(model.space)))
    least = self._cheapest()
    most = max(min(even, self.budget), least)
    self.floor = least + config.cost_floor * (most - least)
    self.multipliers = tf.Variable(
      tf.zeros([2]),
      trainable=False,
      name='multipliers',
      aggregation=tf.VariableAggregation.ONLY_FIRST_REPLICA,
    )

  def _cheapest(self) -> float:
    """What the cheapest architecture costs."""
    budget = {self.measure: self.budget}
    limited = limits.Limits.of(budget, self.model)
    return constrained.cheapest(self.model.space, limited)[1]

  def expected(self, weights: arch_weights.ArchWeights) -> tf.Tensor:
    """The mean cost of the architectures of some weights, float64 []."""
    drawn = self.drawn(weights)
    lattice = self.model.space.lattice
    return expected_cost.mean(self._tables, lattice, *drawn, tf)[0]

  def drawn(
    self, weights: arch_weights.ArchWeights
  ) -> arch_weights.ArchWeights:
    """How probable connections and moves are in architectures by their score.

    Returns:
      float64 [E, K], of each block sums to 2; and [L, S, 3].
    """
    space, sharpness = self.model.space, self._sharpness
    op, transition = (tf.cast(x, tf.float64) for x in weights)
    scores = tf.math.log(tf.maximum(transition, _SMALLEST))
    if self._score == decode.RATIO:
      exits = space.lattice.legal.sum(-1, keepdims=True)
      scores += np.log(np.maximum(exits, 1))
    moves = path_logits.move_logits(sharpness * scores, space.lattice, tf)
    return arch_weights.ArchWeights(
      expected_cost.drawn_connections(
        tf.maximum(op, _SMALLEST) ** sharpness, space.cell, tf
      ),
      arch_params.transition_probs(moves, space.lattice),
    )

  def gradients(
    self,
    mode: Callable[[], arch_weights.ArchWeights],
    learnt: Mapping[str, tf.Variable],
    is_learning: tf.Tensor | bool = True,
  ) -> list[tf.Tensor]:
    """What the term adds to the gradients of a step; moves the multipliers.

    Args:
      mode: Gives the weights, from the logits.
      learnt: The logits by name.
      is_learning: bool []; if not, zeros, and the multipliers stay.

    Returns:
      One for each of `learnt`, the same on all replicas; zeros where one is not
      finite, and the multipliers stay then, too.
    """
    variables = [*learnt.values()]
    with tf.GradientTape(watch_accessed_variables=False) as tape:
      tape.watch(variables)
      share = tf.cast(self.expected(mode()) / self.budget, tf.float32)
    found = tape.gradient(share, variables, unconnected_gradients='zero')
    share, *found = replicas.agreed([share, *found])
    is_finite = tf.math.is_finite(share + tf.linalg.global_norm(found))
    is_learning &= is_finite
    found = step_guard.zero_unless(is_finite, found)
    excess = tf.stack([share - 1, self.floor / self.budget - share])
    down, up = tf.unstack(tf.nn.relu(self.multipliers + self._weight * excess))
    pull = tf.where(is_learning, down - up, 0.0)
    moved = tf.nn.relu(self.multipliers + self._rate * excess)
    self.multipliers.assign(tf.where(is_learning, moved, self.multipliers))
    return [
      self._scales[name] * pull * gradient
      for name, gradient in zip(learnt, found)
    ]

  def decode(
    self, weights: arch_weights.ArchWeights, score: str
  ) -> genotype.Genotype:
    """The architecture of the highest score within the budget.

    Args:
      weights: Arrays.
      score: Of paths, one of `decode.SCORES`.
    """
    return decode.decode(
      weights,
      self.model.space,
      score,
      {self.measure: self.budget},
      self.model,
    )

  def of_path(self, weights: arch_weights.ArchWeights) -> tf.Tensor:
    """What the architecture of one-hot weights costs, float64 []."""
    op, moves = (tf.cast(x, tf.float64) for x in weights)
    lattice = self.model.space.lattice
    return expected_cost.mean(self._tables, lattice, op, moves, tf)[0]

  @property
  def allowed(self) -> float:
    """The most that an architecture may cost, sums being inexact."""
    return limits.allowed(self.measure, self.budget)

  def is_within(self, found: genotype.Genotype) -> bool:
    """Whether an architecture is within the budget."""
    return self.model.measure(found, self.measure) <= self.allowed

  def random(self, rng: np.random.Generator) -> genotype.Genotype:
    """The best architecture within the budget by weights that are drawn.

    Not all are equally probable; but there always is one.
    """
    even = _even(self.model.space)
    drawn = (x * rng.exponential(size=x.shape) for x in even)
    return self.decode(arch_weights.ArchWeights(*drawn), decode.RATIO)

  def state(
    self,
    weights: arch_weights.ArchWeights,
    found: genotype.Genotype,
    score: str,
  ) -> arch_state.CostState:
    """Where the search stands, in NumPy.

    Args:
      weights: Arrays, of which the architecture was read off.
      found: The architecture.
      score: Of paths, one of `decode.SCORES`.
    """
    unlimited = decode.decode(weights, self.model.space, score)
    return arch_state.CostState(
      self.measure,
      self.budget,
      float(self.expected(weights)),
      self.model.measure(found, self.measure),
      float(self.multipliers[0] - self.multipliers[1]),
      unlimited,
      self.model.measure(unlimited, self.measure),
      self.model.space.filter_multiplier,
      tuple(self.model.image_size),
    )


def build(
  config: config_lib.Config, space: search_space.SearchSpace, num_classes: int
) -> CostTerm | None:
  """The term that settings ask for; None without a `search.cost_budget`.

  Raises:
    UserError: If no architecture is within the budget, or a table of latencies
      does not suit it.
  """
  budget = config.search.cost_budget
  if budget is None:
    return None
  term = CostTerm(_cost_model(config, space, num_classes), config.search)
  try:
    term.decode(_even(space), decode.RATIO)
  except decode.BudgetError as error:
    raise errors.UserError(
      f'search.cost_budget is {budget:.10g}, but {error}: raise it, or lower'
      ' network.filter_multiplier.'
    ) from error
  logging.info(
    'The architecture may cost %.10g %s (networks of F = %g, images of %d x'
    ' %d); in the mean, even weights cost %.10g.',
    budget,
    widest.WORDS[term.measure],
    term.model.space.filter_multiplier,
    *term.model.image_size,
    float(term.expected(_even(space))),
  )
  return term


def attach(strategy: Any, term: CostTerm | None) -> None:
  """Gives a strategy the term.

  Raises:
    UserError: If there is one, and the strategy has no gradients to add it to.
  """
  if term is None:
    return
  errors.require(
    hasattr(strategy, 'costs'),
    'search.cost_budget is for strategies that descend gradients of alpha and'
    f' beta, and {strategy.name} does not: leave it out, and choose among what'
    f' was found with {commands.name("pick")}.',
  )
  strategy.costs = term


def _cost_model(
  config: config_lib.Config, space: search_space.SearchSpace, num_classes: int
) -> cost.CostModel:
  """Counts for the crops, or for images of the size of the latencies."""
  if config.search.cost_measure != widest.LATENCY:
    return config.network.cost_model(space, num_classes, config.data.crop_size)
  table = latency.load(config.search.latency_table)
  model = config.network.cost_model(space, num_classes, table.image_size)
  model = dataclasses.replace(model, latencies=table)
  try:
    model.measure_tables(widest.LATENCY)
  except latency.UntimedError as error:
    raise errors.UserError(
      f'The budget needs the latency of every operation, and {error}:'
      f' {commands.name("measure_latency")}'
      f' --widths={config.network.filter_multiplier:g} adds what is missing.'
    ) from error
  return model


def _even(space: search_space.SearchSpace) -> arch_weights.ArchWeights:
  """Where a search starts: every choice as probable as the others."""
  legal = space.lattice.legal.astype(np.float64)
  num_primitives = len(space.cell.primitives)
  return arch_weights.ArchWeights(
    np.full([len(space.cell.edges), num_primitives], 1 / num_primitives),
    legal / np.maximum(legal.sum(-1, keepdims=True), 1),
  )
