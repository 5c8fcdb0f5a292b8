"""Evolution in which the oldest die, not the worst.

Reference:
  Real et al., Regularized evolution for image classifier architecture search,
  Algorithm 1, https://arxiv.org/abs/1802.01548
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from deeplab_nas.config import strategies as config_strategies
from deeplab_nas.search.trials import fresh, history, strategy


class RegularizedEvolution(history.ByScores):
  """Algorithm 1 of the paper.

  The population is a queue of the P newest trials with scores. A cycle draws S
  of them, with replacement, and mutates the best; once the child has scores, it
  lives and the oldest dies.

  Differs from the paper in that no architecture is tried twice: where the
  mutation of a parent is known, it is mutated again. The mutation is
  `SearchSpace.mutate`: half of the time of the path, which the paper's space
  does not have, else of a source or a primitive.
  """

  def __init__(
    self,
    study: strategy.Study,
    settings: config_strategies.RegularizedEvolutionConfig,
  ):
    self.study = study
    self.settings = settings

  def propose(
    self, trials: Sequence[strategy.Trial], rng: np.random.Generator
  ) -> strategy.Proposal:
    """See `strategy.TrialStrategy`."""
    full = self.study.full
    tried = history.tried(trials, full)
    scored = history.scored(self.study, trials, full)
    num_left = sum(t.is_pending for t in trials) + len(scored)
    if not scored or num_left < self.settings.population_size:
      genotype = fresh.random(self.study, tried, rng)
      return strategy.Proposal(genotype, full, is_random=True)
    population = scored[-self.settings.population_size :]
    sample = rng.integers(len(population), size=self.settings.sample_size)
    parent = min((population[i] for i in sample), key=self.study.loss)
    child = fresh.mutant(self.study, parent.genotype, tried, rng)
    return strategy.Proposal(child, full, parent.number)
