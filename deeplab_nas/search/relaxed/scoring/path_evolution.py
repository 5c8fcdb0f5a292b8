"""Evolution over the architectures of a space, by scores of shared weights.

Reference:
  Guo et al., Single Path One-Shot NAS, Algorithm 1,
  https://arxiv.org/abs/1904.00420
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from deeplab_nas.config import relaxed_strategies
from deeplab_nas.search.relaxed import cost_term, strategy
from deeplab_nas.space import genotype as genotype_lib
from deeplab_nas.space import search_space

Genotype = genotype_lib.Genotype
# Until a child that is new is given up for a random architecture.
_TRIES = 20


class PathEvolution:
  """Generation after generation, each architecture scored once.

  The first generation is random. From then on the best of all so far are
  parents, half of a generation are children of two of them and half are mutants
  of one. A child that is known, or beyond the budget, is made again, and after
  some tries drawn at random. So a generation has fewer architectures than asked
  for only where hardly any are left.

  Differs from the paper:
  - As many changes as choices mutate there, each with `mutation_probability`,
    are made one after the other by `SearchSpace.mutate`, and at least one: the
    levels of a path cannot change independently.
  - Of a path, a child has one parent's begin and the other one's end: a layer's
    level is legal only beside its neighbours'.

  Attributes:
    space: The search space.
    settings: Sizes.
    costs: With a budget that every architecture keeps; None for none.
  """

  def __init__(
    self,
    space: search_space.SearchSpace,
    settings: relaxed_strategies.SinglePathConfig,
    costs: cost_term.CostTerm | None = None,
  ):
    self.space, self.settings, self.costs = space, settings, costs

  def run(self, score: strategy.Score, seed: int) -> Mapping[Genotype, float]:
    """Every score, the best one first.

    Args:
      score: Of an architecture. Asked in an order that depends on the seed and
        on the scores alone.
      seed: Of all that is drawn.
    """
    rng = np.random.default_rng(seed)
    scores: dict[Genotype, float] = {}
    for _ in range(self.settings.num_generations):
      parents = ranked(scores)[: self.settings.num_parents]
      for child in self._generation(parents, scores, rng):
        scores[child] = score(child)
    return {genotype: scores[genotype] for genotype in ranked(scores)}

  def random(self, rng: np.random.Generator) -> Genotype:
    """A uniform architecture; where few are within the budget, one of those."""
    for _ in range(_TRIES):
      drawn = self.space.random(rng)
      if self._is_within(drawn):
        return drawn
    return self.costs.random(rng)

  def crossed(
    self, first: Genotype, second: Genotype, rng: np.random.Generator
  ) -> Genotype:
    """Each block is that of one parent; the path changes over where it can."""
    chosen = rng.integers(2, size=len(first.cell))
    cell = [pair[i] for i, pair in zip(chosen, zip(first.cell, second.cell))]
    paths = [first.path, second.path]
    rng.shuffle(paths)
    ways = (paths[0][:i] + paths[1][i:] for i in range(len(paths[0]) + 1))
    legal = [way for way in ways if self.space.lattice.is_path(way)]
    return Genotype(legal[rng.integers(len(legal))], tuple(cell))

  def mutated(self, parent: Genotype, rng: np.random.Generator) -> Genotype:
    """Some connections and levels of layers are changed, at least one."""
    num_choices = len(parent.path) + 4 * len(parent.cell)
    count = rng.binomial(num_choices, self.settings.mutation_probability)
    for _ in range(max(1, count)):
      parent = self.space.mutate(parent, rng)
    return parent

  def _generation(
    self,
    parents: Sequence[Genotype],
    known: Mapping[Genotype, float],
    rng: np.random.Generator,
  ) -> list[Genotype]:
    """Different architectures that are not known."""
    children: dict[Genotype, None] = {}
    for number in range(self.settings.population_size):
      for child in self._proposed(number, parents, rng):
        if child not in known and child not in children:
          children[child] = None
          break
    return list(children)

  def _proposed(self, number, parents, rng):
    """Architectures within the budget to be a generation's next one."""
    for _ in range(_TRIES if parents else 0):
      child = self._child(number, parents, rng)
      if self._is_within(child):
        yield child
    for _ in range(_TRIES):
      yield self.random(rng)

  def _child(self, number, parents, rng) -> Genotype:
    first, second = (parents[i] for i in rng.integers(len(parents), size=2))
    if number % 2:
      return self.crossed(first, second, rng)
    return self.mutated(first, rng)

  def _is_within(self, genotype: Genotype) -> bool:
    return self.costs is None or self.costs.is_within(genotype)


def ranked(scores: Mapping[Genotype, float]) -> list[Genotype]:
  """The best first; of equal ones that which was scored first."""

  def key(genotype: Genotype) -> float:
    value = scores[genotype]
    return math.inf if math.isnan(value) else value

  return sorted(scores, key=key)
