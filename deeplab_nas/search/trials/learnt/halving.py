"""Short trials of many architectures, longer ones of the promising.

Reference:
  Li et al., A system for massively parallel hyperparameter tuning, Algorithm 2
  (asynchronous successive halving), https://arxiv.org/abs/1810.05934
  White et al., BANANAS, Sec. 4, https://arxiv.org/abs/1910.11858, for mutations
  of the best as candidates of a model
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from deeplab_nas.config import search as config_search
from deeplab_nas.config import strategies as config_strategies
from deeplab_nas.search.trials import fresh, history, strategy
from deeplab_nas.search.trials.learnt import acquisition, beliefs, rungs
from deeplab_nas.space import genotype as genotype_lib
from deeplab_nas.space import zoo

# Mutations have two steps or more, as nearer ones differ from their parents by
# less than a score does by luck; the probability that one ends after the next.
_LAST_STEP = 0.4


class Halving(strategy.TrialStrategy):
  """Our default: successive halving by what a model expects of a full trial.

  The fidelities of the study are the rungs. The first architectures, random
  ones, get a trial of each: so it is known early how well shorter trials rank
  the full ones. The shortest that does so by `trust` is the first rung, and
  where there is none, all further trials are full ones.

  Then a Gaussian process on simple features and all scores chooses: which
  architecture goes up a rung, as soon as a rung has `reduction` times as many
  scores as the next one has trials; and else which of those of the zoo and of
  some random and mutated ones is tried next, by expected improvement.

  Differs from Algorithm 2: there the best scores of a rung go up, here the best
  expectations, to which scores of similar architectures contribute; there all
  new architectures are random, here the model chooses them; and there shorter
  trials are trusted, whatever they say.
  """

  def __init__(
    self, study: strategy.Study, settings: config_strategies.HalvingConfig
  ):
    self.study = study
    self.settings = settings
    self._beliefs = beliefs.Beliefs(study)
    self._zoo = [
      genotype
      for genotype in map(zoo.load, zoo.names())
      if genotype in study.space and study.is_within(genotype)
    ]

  @classmethod
  def fidelities(
    cls,
    search: config_search.SearchConfig,
    settings: config_strategies.HalvingConfig,
  ) -> tuple[strategy.Fidelity, ...]:
    """All of `search.trial_steps`."""
    del settings
    return tuple(map(strategy.Fidelity, search.trial_steps))

  def propose(
    self, trials: Sequence[strategy.Trial], rng: np.random.Generator
  ) -> strategy.Proposal:
    """See `strategy.TrialStrategy`."""
    shortest = self.study.fidelities[0]
    tried = history.tried(trials, shortest)
    if len(tried) < self.settings.num_initial:
      initial = self._initial(shortest, tried, rng)
      if initial.genotype not in tried:  # else nothing else is left
        return initial
    compared = self._compared(trials)
    if compared is not None:
      return compared
    start = self._first_level(trials)
    model = self._beliefs.of(trials)
    if model is None:
      first = self.study.fidelities[start]
      return self._initial(first, history.tried(trials, first), rng)
    promoted = self._promoted(trials, model, start)
    if promoted is not None:
      return promoted
    return self._explored(trials, model, start, rng)

  def best(
    self, trials: Sequence[strategy.Trial]
  ) -> Sequence[genotype_lib.Genotype]:
    """The least expected loss among those of the longest trials with scores.

    Of several objectives, their Pareto front.
    """
    if len(self.study.objectives) > 1:
      return history.best(self.study, trials)
    model = self._beliefs.of(trials)
    for fidelity in reversed(self.study.fidelities):
      scored = history.scored(self.study, trials, fidelity)
      if scored:
        known = list(dict.fromkeys(trial.genotype for trial in scored))
        level = self.study.fidelities.index(fidelity)
        mean, _ = model.predict(known, level)
        return [known[int(np.argmin(mean))]]
    return []

  def remarks(self, trials: Sequence[strategy.Trial]) -> list[str]:
    """Sentences on how well shorter trials rank the full ones."""
    return [
      rungs.sentence(self.study, level, seen, self.settings.trust)
      for level, seen in enumerate(rungs.correlations(self.study, trials))
    ]

  def _first_level(self, trials: Sequence[strategy.Trial]) -> int:
    """The rung of new architectures: the shortest that says enough."""
    for level, seen in enumerate(rungs.correlations(self.study, trials)):
      if seen.shrunk >= self.settings.trust:
        return level
    return len(self.study.fidelities) - 1

  def _compared(
    self, trials: Sequence[strategy.Trial]
  ) -> strategy.Proposal | None:
    """A longer trial of one of the first architectures that has none yet."""
    if self.settings.trust <= -1:  # there is nothing to be found out
      return None
    shortest, *longer = self.study.fidelities
    numbers = {
      trial.genotype: trial.number
      for trial in trials
      if trial.fidelity == shortest and trial.failure is None
    }
    at_first = (t.genotype for t in trials if t.fidelity == shortest)
    first = list(dict.fromkeys(at_first))[: self.settings.num_initial]
    for fidelity in longer:
      tried = history.tried(trials, fidelity)
      for genotype in first:
        if genotype in numbers and genotype not in tried:
          return strategy.Proposal(genotype, fidelity, numbers[genotype])
    return None

  def _initial(
    self,
    fidelity: strategy.Fidelity,
    tried: set[genotype_lib.Genotype],
    rng: np.random.Generator,
  ) -> strategy.Proposal:
    genotype = fresh.random(self.study, tried, rng)
    return strategy.Proposal(genotype, fidelity, is_random=True)

  def _promoted(
    self,
    trials: Sequence[strategy.Trial],
    model: beliefs.Model,
    start: int,
  ) -> strategy.Proposal | None:
    """A trial of the next rung, where it is due; the highest rung first."""
    levels = self.study.fidelities
    for level in range(len(levels) - 2, start - 1, -1):
      below = history.scored(self.study, trials, levels[level])
      above = history.tried(trials, levels[level + 1])
      numbers = {t.genotype: t.number for t in below}
      waiting = [g for g in numbers if g not in above]
      is_due = len(numbers) >= self.settings.reduction * (len(above) + 1)
      if is_due and waiting:
        mean, _ = model.predict(waiting, len(levels) - 1)
        chosen = waiting[int(np.argmin(mean))]
        return strategy.Proposal(chosen, levels[level + 1], numbers[chosen])
    return None

  def _explored(
    self,
    trials: Sequence[strategy.Trial],
    model: beliefs.Model,
    start: int,
    rng: np.random.Generator,
  ) -> strategy.Proposal:
    """The candidate of the largest expected improvement."""
    full = len(self.study.fidelities) - 1
    fidelity = self.study.fidelities[start]
    tried = history.tried(trials, fidelity)
    parents = self._parents(trials, model)
    half = max(1, self.settings.pool_size // 2)
    pool = dict.fromkeys(self._zoo)
    pool |= {fresh.random(self.study, tried, rng): None for _ in range(half)}
    for i in range(half):
      parent = child = list(parents)[i % len(parents)]
      for _ in range(1 + rng.geometric(_LAST_STEP)):
        child = fresh.mutant(self.study, child, {*tried, *pool}, rng)
      pool.setdefault(child, parents[parent])
    if start:  # what only shorter trials know is no news, but worth a full one
      pool |= {g: n for g, n in parents.items() if g not in tried}
    pool = {g: n for g, n in pool.items() if g not in tried} or pool
    candidates = list(pool)
    known, _ = model.predict(list(parents), full)
    mean, sd = model.predict(candidates, full)
    gain = acquisition.expected_improvement(mean, sd, known.min())
    chosen = candidates[int(np.argmax(gain))]
    return strategy.Proposal(chosen, fidelity, pool[chosen])

  def _parents(
    self, trials: Sequence[strategy.Trial], model: beliefs.Model
  ) -> dict[genotype_lib.Genotype, int]:
    """The architectures that are thought the best, and a trial of each."""
    numbers = {t.genotype: t.number for t in trials if t.scores is not None}
    mean, _ = model.predict(list(numbers), len(self.study.fidelities) - 1)
    return acquisition.parents(numbers, mean)
