"""What strategies ask the history: what was tried, and what won."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from deeplab_nas.search.trials import pareto, strategy
from deeplab_nas.space import genotype as genotype_lib


def tried(
  trials: Sequence[strategy.Trial], fidelity: strategy.Fidelity
) -> set[genotype_lib.Genotype]:
  """Architectures with a trial at a fidelity, whatever became of it."""
  return {t.genotype for t in trials if t.fidelity == fidelity}


def scored(
  study: strategy.Study,
  trials: Sequence[strategy.Trial],
  fidelity: strategy.Fidelity,
) -> list[strategy.Trial]:
  """Trials at a fidelity of which all objectives are known and finite."""
  return [
    t
    for t in trials
    if t.fidelity == fidelity and all(map(math.isfinite, study.losses(t)))
  ]


def drawn(trials: Sequence[strategy.Trial]) -> set[genotype_lib.Genotype]:
  """Architectures that chance alone chose to train, also if for more later."""
  return {
    t.genotype for t in trials if t.proposal.is_random and t.fidelity.is_trained
  }


def num_trained(trials: Sequence[strategy.Trial]) -> int:
  """How many are trainings, and not scores with weights of a hypernetwork."""
  return sum(trial.fidelity.is_trained for trial in trials)


def best_trial(
  study: strategy.Study, trials: Sequence[strategy.Trial]
) -> strategy.Trial | None:
  """The one of the least loss, of the longest that have scores; or None.

  A score of fewer steps says less, and is worse.
  """
  scored_ones = [t for t in trials if t.scores is not None]
  return min(scored_ones, key=lambda t: rank(study, t), default=None)


def rank(study: strategy.Study, trial: strategy.Trial) -> tuple[int, float]:
  """Less is better: the longer trial first, then the lesser loss."""
  level = study.fidelities.index(trial.fidelity)
  return len(study.fidelities) - level, study.loss(trial)


def mean_losses(
  study: strategy.Study, trials: Sequence[strategy.Trial]
) -> dict[genotype_lib.Genotype, tuple[float, ...]]:
  """The objectives of each architecture, less being better.

  Args:
    study: Names the objectives.
    trials: Scored ones of one fidelity; those of one architecture, which differ
      in their seeds, are averaged.
  """
  found = {}
  for trial in trials:
    found.setdefault(trial.genotype, []).append(study.losses(trial))
  return {
    genotype: tuple(np.mean(losses, axis=0).tolist())
    for genotype, losses in found.items()
  }


def best(
  study: strategy.Study, trials: Sequence[strategy.Trial]
) -> list[genotype_lib.Genotype]:
  """What the trials of the longest fidelity say, of those that have scores.

  Returns:
    Of one objective, the architecture with the least mean loss; of several, the
    Pareto front, by the first objective. [] of nothing.
  """
  for fidelity in reversed(study.fidelities):
    losses = mean_losses(study, scored(study, trials, fidelity))
    if losses:
      ranked = sorted(losses, key=losses.get)
      if len(study.objectives) == 1:
        return ranked[:1]
      front = pareto.front([losses[genotype] for genotype in ranked])
      return [ranked[i] for i in front]
  return []


class ByScores(strategy.TrialStrategy):
  """A strategy of which the best is what the scores say, as `best` has it.

  Attributes:
    study: The task.
  """

  study: strategy.Study

  def best(
    self, trials: Sequence[strategy.Trial]
  ) -> Sequence[genotype_lib.Genotype]:
    """See `strategy.TrialStrategy`."""
    return best(self.study, trials)
