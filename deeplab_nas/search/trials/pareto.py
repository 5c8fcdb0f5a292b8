"""Optuna's Pareto front, and its studies without its chatter."""

from __future__ import annotations

from collections.abc import Sequence

import optuna


def new_study(
  num_objectives: int, sampler: optuna.samplers.BaseSampler | None = None
) -> optuna.Study:
  """A study in memory, of objectives of which less is better."""
  optuna.logging.set_verbosity(optuna.logging.WARNING)
  directions = ['minimize'] * num_objectives
  return optuna.create_study(sampler=sampler, directions=directions)


def front(losses: Sequence[Sequence[float]]) -> list[int]:
  """Which rows no other one dominates, in their order; less is better."""
  if not len(losses):
    return []
  study = new_study(len(losses[0]))
  study.add_trials(
    [optuna.create_trial(values=list(map(float, row))) for row in losses]
  )
  return sorted(trial.number for trial in study.best_trials)
