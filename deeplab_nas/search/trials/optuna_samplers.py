"""Samplers of Optuna as strategies: `nsga2` and `tpe`.

Reference:
  Deb et al., A fast and elitist multiobjective genetic algorithm: NSGA-II,
  https://doi.org/10.1109/4235.996017
  Bergstra et al., Algorithms for hyper-parameter optimization, Sec. 4,
  https://papers.nips.cc/paper/4443
  Optuna, https://arxiv.org/abs/1907.10902
"""

from __future__ import annotations

import abc
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import optuna

from deeplab_nas.config import strategies as config_strategies
from deeplab_nas.search.trials import (
  encoding,
  fresh,
  history,
  pareto,
  strategy,
)
from deeplab_nas.space import genotype as genotype_lib

# Questions to the sampler until the last answer is mutated instead.
_ASKS = 20
_State = optuna.trial.TrialState


class _Result(NamedTuple):
  """What a sampler learns of a trial: losses, None of one that is pending."""

  genotype: genotype_lib.Genotype
  losses: tuple[float, ...] | None


class _Sampled(history.ByScores):
  """Tells a sampler the history, and asks it for parameters.

  The sampler is made anew for each proposal, and seeded by `rng`; its study is
  kept as long as the history only gets longer. Several parameters make one
  architecture, and the sampler knows neither that nor the budget: it is asked
  again, and in the end its answer is mutated.
  """

  def __init__(self, study: strategy.Study, settings: Any):
    self.study = study
    self.settings = settings
    self._distributions = {
      name: optuna.distributions.CategoricalDistribution(values)
      for name, values in encoding.choices(study.space).items()
    }
    self._told: list[_Result] = []
    self._optuna = pareto.new_study(len(study.objectives))

  @property
  @abc.abstractmethod
  def _num_random(self) -> int:
    """Scored trials before which the sampler draws without looking at any."""

  @abc.abstractmethod
  def _sampler(self, seed: int) -> optuna.samplers.BaseSampler: ...

  def propose(
    self, trials: Sequence[strategy.Trial], rng: np.random.Generator
  ) -> strategy.Proposal:
    """See `strategy.TrialStrategy`."""
    full = self.study.full
    tried = history.tried(trials, full)
    self._tell(trials)
    self._optuna.sampler = self._sampler(int(rng.integers(2**31)))
    try:
      for _ in range(_ASKS):
        asked = self._optuna.ask(self._distributions)
        genotype = encoding.decode(self.study.space, asked.params)
        if genotype not in tried and self.study.is_within(genotype):
          return strategy.Proposal(
            genotype, full, is_random=len(self._told) < self._num_random
          )
    finally:
      self._forget_running()
    return strategy.Proposal(
      fresh.mutant(self.study, genotype, tried, rng), full
    )

  def _tell(self, trials: Sequence[strategy.Trial]) -> None:
    """Brings the study up to the full trials; failed ones are left out."""
    full = self.study.full
    scored = history.scored(self.study, trials, full)
    told = [_Result(t.genotype, self.study.losses(t)) for t in scored]
    if told[: len(self._told)] != self._told:
      self._optuna, self._told = (
        pareto.new_study(len(self.study.objectives)),
        [],
      )
    for index in range(len(self._told), len(told)):
      self._add(told[index], _State.COMPLETE, index)
    for trial in trials:
      if trial.is_pending and trial.fidelity == full:
        self._add(_Result(trial.genotype, None), _State.RUNNING)
    self._told = told

  def _add(
    self, result: _Result, state: _State, index: int | None = None
  ) -> None:
    self._optuna.add_trial(
      optuna.create_trial(
        state=state,
        values=result.losses,
        params=encoding.encode(self.study.space, result.genotype),
        distributions=self._distributions,
        user_attrs={'index': index},
      )
    )

  def _forget_running(self) -> None:
    """Samplers pass over failed trials."""
    running = self._optuna.get_trials(deepcopy=False, states=[_State.RUNNING])
    for trial in running:
      self._optuna.tell(trial.number, state=_State.FAIL)


class Nsga2(_Sampled):
  """NSGA-II: generations, of which the best fronts are the next parents.

  Differs from the paper where trials run side by side: a generation is a
  population's number of scored trials in the order of their numbers, pending
  ones belong to none, and no proposal waits.
  """

  settings: config_strategies.Nsga2Config

  @property
  def _num_random(self) -> int:
    return self.settings.population_size

  def _sampler(self, seed: int) -> optuna.samplers.BaseSampler:
    return _Generations(
      population_size=self.settings.population_size,
      mutation_prob=self.settings.mutation_probability,
      crossover_prob=self.settings.crossover_probability,
      swapping_prob=self.settings.swapping_probability,
      seed=seed,
    )


class Tpe(_Sampled):
  """Tree-structured Parzen estimators: where good parameters are dense.

  Pending trials count as bad ones, so that proposals which run side by side
  differ.
  """

  settings: config_strategies.TpeConfig

  @property
  def _num_random(self) -> int:
    return self.settings.num_startup

  def _sampler(self, seed: int) -> optuna.samplers.BaseSampler:
    return optuna.samplers.TPESampler(
      n_startup_trials=self.settings.num_startup,
      n_ei_candidates=self.settings.num_candidates,
      multivariate=self.settings.multivariate,
      constant_liar=True,
      seed=seed,
    )


class _Generations(optuna.samplers.NSGAIISampler):
  """Knows the generation of a trial by how many were scored before it."""

  def get_trial_generation(
    self, study: optuna.Study, trial: optuna.trial.FrozenTrial
  ) -> int:
    index = trial.user_attrs.get('index')
    if index is None:  # the one that is asked for
      index = len(study.get_trials(deepcopy=False, states=[_State.COMPLETE]))
    return index // self.population_size

  def get_population(
    self, study: optuna.Study, generation: int
  ) -> list[optuna.trial.FrozenTrial]:
    return [
      trial
      for trial in study.get_trials(deepcopy=False, states=[_State.COMPLETE])
      if self.get_trial_generation(study, trial) == generation
    ]

  def get_parent_population(
    self, study: optuna.Study, generation: int
  ) -> list[optuna.trial.FrozenTrial]:
    """In one order, whether Optuna has just selected it or remembers it."""
    parents = super().get_parent_population(study, generation)
    return sorted(parents, key=lambda trial: trial.user_attrs['index'])
