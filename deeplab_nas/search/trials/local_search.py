"""Climbing from neighbour to neighbour, with restarts.

Reference:
  White et al., Local search is state of the art for neural architecture search
  benchmarks, Algorithm 1, https://arxiv.org/abs/2005.02960
  The authors' code, https://github.com/naszilla/naszilla, for the initial
  random architectures and for going on from the first better neighbour.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence

import numpy as np

from deeplab_nas.config import strategies as config_strategies
from deeplab_nas.search.trials import fresh, history, neighbours, strategy
from deeplab_nas.space import genotype as genotype_lib


class LocalSearch(history.ByScores):
  """Climbs that start at the best of some random architectures.

  The neighbours of the best trial of a climb are tried in random order until
  one is better, from which it goes on. Where all were tried it is a local
  minimum, and the next climb starts. A random architecture has no parent, which
  is how the climbs are told apart in the history.

  Differs from the paper where trials run side by side: while the last
  neighbours of a minimum are pending, those of the next best are tried.
  """

  def __init__(
    self,
    study: strategy.Study,
    settings: config_strategies.LocalSearchConfig,
  ):
    self.study = study
    self.settings = settings
    self._neighbours = functools.lru_cache(
      functools.partial(neighbours.neighbours, study.space)
    )

  def propose(
    self, trials: Sequence[strategy.Trial], rng: np.random.Generator
  ) -> strategy.Proposal:
    """See `strategy.TrialStrategy`."""
    full = self.study.full
    tried = history.tried(trials, full)
    climb = _last_climb(trials)
    if len(climb) >= self.settings.num_initial:
      scored = history.scored(self.study, climb, full)
      is_pending = any(trial.is_pending for trial in climb)
      ranked = sorted(scored, key=self.study.loss)
      for trial in ranked if is_pending else ranked[:1]:
        child = self._untried_neighbour(trial.genotype, tried, rng)
        if child is not None:
          return strategy.Proposal(child, full, trial.number)
    genotype = fresh.random(self.study, tried, rng)
    return strategy.Proposal(genotype, full, is_random=True)

  def _untried_neighbour(
    self,
    genotype: genotype_lib.Genotype,
    tried: set[genotype_lib.Genotype],
    rng: np.random.Generator,
  ) -> genotype_lib.Genotype | None:
    around = self._neighbours(genotype)
    for i in rng.permutation(len(around)):
      if around[i] not in tried and self.study.is_within(around[i]):
        return around[i]
    return None


def _last_climb(
  trials: Sequence[strategy.Trial],
) -> Sequence[strategy.Trial]:
  """The trials since the last climb has started."""
  start, has_moved = 0, False
  for i, trial in enumerate(trials):
    is_random = trial.proposal.parent is None
    if is_random and has_moved:
      start = i
    has_moved = not is_random
  return trials[start:]
