"""Evolution of a Pareto front whose children inherit weights.

Reference:
  Elsken et al., Efficient multi-objective neural architecture search via
  Lamarckian evolution, Algorithm 1, https://arxiv.org/abs/1804.09081
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import ClassVar

import numpy as np
from scipy import special
from sklearn import neighbors

from deeplab_nas.config import strategies as config_strategies
from deeplab_nas.search.trials import fresh, history, pareto, strategy
from deeplab_nas.space import genotype as genotype_lib


class Lemonade(history.ByScores):
  """The population is the Pareto front; where it is thin, it has children.

  The cheap objectives are the costs, which are known without a training. A
  Gaussian kernel density of the front's gives a density p. A parent is drawn
  with probability proportional to 1 / p and mutated, several times, and one of
  the children is accepted, likewise with 1 / p. It alone is trained, and begins
  with its parent's weights. Where no cost is an objective, all are drawn
  uniformly.

  Differs from the paper in that an architecture is trained as wide as the
  budget of trials allows: a child is wider or narrower than its parent as that
  says, and width is no mutation of its own. A mutation is `SearchSpace.mutate`,
  whichever morphism that is. Each proposal is a generation of one accepted
  child.
  """

  inherits: ClassVar[bool] = True

  def __init__(
    self, study: strategy.Study, settings: config_strategies.LemonadeConfig
  ):
    self.study = study
    self.settings = settings

  def propose(
    self, trials: Sequence[strategy.Trial], rng: np.random.Generator
  ) -> strategy.Proposal:
    """See `strategy.TrialStrategy`."""
    full = self.study.full
    tried = history.tried(trials, full)
    population = self._population(trials)
    num_left = sum(t.failure is None for t in trials if t.fidelity == full)
    if not population or num_left < self.settings.num_initial:
      genotype = fresh.random(self.study, tried, rng)
      return strategy.Proposal(genotype, full, is_random=True)
    rarity = self._rarity([trial.genotype for trial in population])
    weights = rarity([trial.genotype for trial in population])
    children = []
    for _ in range(self.settings.num_children):
      parent = population[rng.choice(len(population), p=weights)]
      child = fresh.mutant(self.study, parent.genotype, tried, rng)
      children.append((child, parent))
    weights = rarity([child for child, _ in children])
    child, parent = children[rng.choice(len(children), p=weights)]
    return strategy.Proposal(child, full, parent.number, inherits=True)

  def possible_parents(
    self, trials: Sequence[strategy.Trial]
  ) -> Collection[int]:
    """See `strategy.TrialStrategy`."""
    return {trial.number for trial in self._population(trials)}

  def _population(
    self, trials: Sequence[strategy.Trial]
  ) -> list[strategy.Trial]:
    """The Pareto front, in the order of its numbers."""
    scored = history.scored(self.study, trials, self.study.full)
    front = pareto.front([self.study.losses(trial) for trial in scored])
    return [scored[i] for i in front]

  def _rarity(
    self, population: Sequence[genotype_lib.Genotype]
  ) -> Callable[[Sequence[genotype_lib.Genotype]], np.ndarray]:
    """A function of genotypes to probabilities proportional to 1 / p.

    Those with a cost that is not known, as the latency of a width that was not
    measured, are drawn where there are no others.
    """
    costs = self.study.costs(population[0])
    names = [name for name in self.study.objectives if name in costs]
    kernel = neighbors.KernelDensity(bandwidth=self.settings.bandwidth)
    if names:
      kernel.fit(self._cheap(population, names))

    def inverse(genotypes: Sequence[genotype_lib.Genotype]) -> np.ndarray:
      rows = self._cheap(genotypes, names)
      is_known = np.isfinite(rows).all(axis=1)
      if not names or not is_known.any():
        return np.full(len(rows), 1 / len(rows))
      logs = np.full(len(rows), -np.inf)
      logs[is_known] = -kernel.score_samples(rows[is_known])
      return special.softmax(logs)

    return inverse

  def _cheap(
    self, genotypes: Sequence[genotype_lib.Genotype], names: Sequence[str]
  ) -> np.ndarray:
    """float [N, M], logarithms of costs; NaN where one is not known."""
    costs = [self.study.costs(genotype) for genotype in genotypes]
    return np.log1p(
      [[each.get(name, np.nan) for name in names] for each in costs]
    )
