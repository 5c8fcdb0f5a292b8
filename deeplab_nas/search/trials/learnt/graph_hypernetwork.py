"""Random search by the scores of a graph hypernetwork.

Reference:
  Zhang, Ren and Urtasun, Graph hypernetworks for neural architecture search,
  Sec. 4.3 and 5.1, https://arxiv.org/abs/1810.05749
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from deeplab_nas import errors
from deeplab_nas.config import search as config_search
from deeplab_nas.config import strategies as config_strategies
from deeplab_nas.search.trials import fresh, history, pareto, strategy
from deeplab_nas.search.trials.learnt import rungs
from deeplab_nas.space import genotype as genotype_lib

# The correlation below which the summary calls scores too low to trust.
_TRUST = 0.4


class GraphHypernetwork(history.ByScores):
  """Trains what a hypernetwork scores best among many architectures.

  The first fidelity of the study is the hypernetwork's: `num_candidates` random
  architectures are scored by it. Of these `num_random` get full trials whatever
  their scores, which the summary compares with the found one, and then the
  others, the best score first. Of several objectives one Pareto front goes
  after the other. Where none is left, neighbours of the best trial are trained.
  A trial begins with weights of its own, as in the paper, which scores 1000 and
  trains 10.
  """

  def __init__(
    self,
    study: strategy.Study,
    settings: config_strategies.GraphHypernetworkConfig,
  ):
    self.study = study
    self.settings = settings
    self._scored = study.fidelities[0]

  @classmethod
  def fidelities(
    cls,
    search: config_search.SearchConfig,
    settings: config_strategies.GraphHypernetworkConfig,
  ) -> tuple[strategy.Fidelity, ...]:
    """The hypernetwork's, and that of a full trial.

    Raises:
      UserError: If an objective is of trainings alone.
    """
    errors.require(
      'loss_sum' not in search.objectives,
      'search.objectives has loss_sum, which scores by a hypernetwork do not'
      ' have: take cross_entropy or miou.',
    )
    return (
      strategy.Fidelity(settings.steps, evaluator=strategy.HYPERNETWORK),
      strategy.Fidelity(search.trial_steps[-1]),
    )

  def propose(
    self, trials: Sequence[strategy.Trial], rng: np.random.Generator
  ) -> strategy.Proposal:
    """See `strategy.TrialStrategy`."""
    full = self.study.full
    drawn = [t for t in trials if t.fidelity == self._scored]
    known = {t.genotype for t in drawn}
    if len(known) < self.settings.num_candidates:
      genotype = fresh.random(self.study, known, rng)
      if genotype not in known:  # else nothing else is left
        return strategy.Proposal(genotype, self._scored, is_random=True)
    tried = history.tried(trials, full)
    if len(tried) < self.settings.num_random:
      left = (t.genotype for t in drawn if t.genotype not in tried)
      genotype = next(left, None) or fresh.random(self.study, tried, rng)
      return strategy.Proposal(genotype, full, is_random=True)
    best = self._best_scored(trials, tried)
    if best is not None:
      return strategy.Proposal(best, full)
    found = history.best(self.study, trials)
    if found:
      return strategy.Proposal(
        fresh.mutant(self.study, found[0], tried, rng), full
      )
    genotype = fresh.random(self.study, tried, rng)
    return strategy.Proposal(genotype, full, is_random=True)

  def remarks(self, trials: Sequence[strategy.Trial]) -> list[str]:
    """How well the hypernetwork ranks what was trained."""
    return [
      rungs.sentence(self.study, level, seen, _TRUST)
      for level, seen in enumerate(rungs.correlations(self.study, trials))
    ]

  def _best_scored(
    self,
    trials: Sequence[strategy.Trial],
    tried: set[genotype_lib.Genotype],
  ) -> genotype_lib.Genotype | None:
    """Of the candidates without a full trial; None if none has scores."""
    scored = history.scored(self.study, trials, self._scored)
    losses = history.mean_losses(self.study, scored)
    ranked = sorted(losses, key=losses.get)
    while ranked:
      front = ranked
      if len(self.study.objectives) > 1:
        front = [ranked[i] for i in pareto.front([losses[g] for g in ranked])]
      for genotype in front:
        if genotype not in tried:
          return genotype
      ranked = [genotype for genotype in ranked if genotype not in front]
    return None
