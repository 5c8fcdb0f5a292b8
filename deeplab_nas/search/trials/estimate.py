"""What a study will take, by a few steps of trials as it would run them."""

from __future__ import annotations

import dataclasses
import pathlib
import tempfile

import numpy as np

from deeplab_nas import errors
from deeplab_nas.config import config as config_lib
from deeplab_nas.report import text
from deeplab_nas.search import strategies
from deeplab_nas.search.contest import finalists
from deeplab_nas.search.trials import driver as driver_lib
from deeplab_nas.search.trials import executor as executor_lib
from deeplab_nas.search.trials import job as job_lib
from deeplab_nas.search.trials import outcome, strategy, width

# Of a trial that is measured.
_STEPS = 10


@dataclasses.dataclass(frozen=True)
class Scoring:
  """What scores with weights of a hypernetwork will take.

  Attributes:
    steps: Of the hypernetwork's training.
    step_seconds: Of one of these.
    number: Architectures that are scored.
    score_seconds: Of each.
  """

  steps: int
  step_seconds: float
  number: int
  score_seconds: float

  @property
  def training_seconds(self) -> float:
    """Of all steps."""
    return self.steps * self.step_seconds

  def seconds(self, at_a_time: int) -> float:
    """Of the training, which others wait for, and of all scores."""
    rounds = -(-self.number // at_a_time)
    return self.training_seconds + rounds * self.score_seconds


@dataclasses.dataclass(frozen=True)
class Estimate:
  """What a study will take.

  Attributes:
    start_seconds: Of a trial, besides its steps.
    step_seconds: Of a step.
    lengths: Steps of trials, from the shortest to a full one; of trainings.
    limits: When the study ends.
    final_seeds: Of what is trained again at its end, at most.
    scoring: What comes before the trials; None for nothing.
    distil_steps: Of a trial that inherits weights, before its own, at most.
  """

  start_seconds: float
  step_seconds: float
  lengths: tuple[int, ...]
  limits: driver_lib.Limits
  final_seeds: int = 0
  scoring: Scoring | None = None
  distil_steps: int = 0

  def trial_seconds(self, steps: int) -> float:
    """Of a trial of so many steps, with those of distillation."""
    return self.start_seconds + (self.distil_steps + steps) * self.step_seconds

  def num_trials(self, steps: int) -> int:
    """Trials of one length that fit, beside what is trained again."""
    numbers = []
    if self.limits.num_trials is not None:
      numbers.append(self.limits.num_trials)
    if self.limits.seconds is not None:
      left = self.limits.seconds - self._final_seconds - self._scoring_seconds
      rounds = int(max(left, 0.0) / self.trial_seconds(steps))
      numbers.append(rounds * self.limits.at_a_time)
    return min(numbers)

  @property
  def num_seeds(self) -> int:
    """Of what is trained again at the end."""
    return finalists.affordable(self.limits, self._full, self.final_seeds)

  @property
  def seconds(self) -> float:
    """Of the whole study."""
    rounds = -(-self.num_trials(self.lengths[-1]) // self.limits.parallel)
    total = rounds * self._full + self._final_seconds + self._scoring_seconds
    if self.limits.seconds is not None and self.limits.num_trials is None:
      return max(total, self.limits.seconds)
    return total

  @property
  def _full(self) -> float:
    return self.trial_seconds(self.lengths[-1])

  @property
  def _final_seconds(self) -> float:
    return finalists.seconds(self.limits, self._full, self.num_seeds)

  @property
  def _scoring_seconds(self) -> float:
    return self.scoring.seconds(self.limits.at_a_time) if self.scoring else 0.0

  def to_text(self) -> str:
    """A small table."""
    at_a_time = f'{self.limits.parallel} at a time'
    rows = [
      ('start and end of a trial', text.duration(self.start_seconds)),
      ('one step', f'{self.step_seconds:.3f} s'),
    ]
    if self.distil_steps:
      rows.append(('distillation, at most', f'{self.distil_steps} steps'))
    for steps in self.lengths:
      rows += [
        (f'a trial of {steps} steps', text.duration(self.trial_seconds(steps))),
        (
          f'trials of {steps} steps that fit',
          f'{self.num_trials(steps)}, {at_a_time}',
        ),
      ]
    if self.scoring is not None:
      before = self.scoring
      rows[:0] = [
        (
          f'hypernetwork, {before.steps} steps',
          text.duration(before.training_seconds),
        ),
        (
          f'{before.number} scores by it',
          f'{text.duration(before.score_seconds)} each, {at_a_time}',
        ),
      ]
    again = f'2 architectures, {self.num_seeds} seeds each'
    rows += [
      ('then trained again', again if self.num_seeds else 'nothing'),
      ('the whole search, about', text.duration(self.seconds)),
    ]
    return '\n'.join(f'{name:<32}{value}' for name, value in rows)


def measure(
  config: config_lib.Config,
  study: strategy.Study,
  widths: width.Widths,
  limits: driver_lib.Limits,
) -> Estimate:
  """Runs a few steps of random architectures, as many at a time as a study.

  Args:
    config: Every setting.
    study: What it says of trials.
    widths: Of trials.
    limits: When the study ends.

  Raises:
    UserError: If a trial fails, or no architecture is within the budget.
  """
  with tempfile.TemporaryDirectory() as name:
    folder = pathlib.Path(name)
    executor = executor_lib.LocalExecutor(
      config.to_dict(),
      config.search.parallel_trials,
      config.search.trial_timeout,
      folder / 'log.txt',
    )
    steps = min(_STEPS, study.full.steps)
    fidelity = strategy.Fidelity(steps)
    jobs = _jobs(executor.capacity, fidelity, study, widths, folder)
    scoring = None
    try:
      found = _run(executor, jobs)
      if not study.fidelities[0].is_trained:
        scoring = _scoring(config, executor, study, widths, folder / 'scored')
    finally:
      executor.cancel()
  inherits = strategies.load(config.search.strategy).inherits
  step_seconds = float(np.mean([each.step_seconds for each in found]))
  seconds = float(np.mean([each.seconds for each in found]))
  return Estimate(
    max(0.0, seconds - steps * step_seconds),
    step_seconds,
    tuple(f.steps for f in study.fidelities if f.is_trained),
    dataclasses.replace(limits, parallel=executor.capacity),
    config.search.final_seeds,
    scoring,
    config.lemonade.distil_steps if inherits else 0,
  )


def _scoring(
  config: config_lib.Config,
  executor: executor_lib.LocalExecutor,
  study: strategy.Study,
  widths: width.Widths,
  folder: pathlib.Path,
) -> Scoring:
  """Of a short training of the hypernetwork, and of a score after it.

  A step is taken for longer than it is: each has an architecture of its own,
  which later some share.
  """
  wanted = study.fidelities[0]
  steps = min(_STEPS, wanted.steps)
  job, again = _jobs(2, wanted._replace(steps=steps), study, widths, folder)
  first, second = (_run(executor, [each])[0] for each in (job, again))
  return Scoring(
    wanted.steps,
    first.step_seconds,
    config.graph_hypernetwork.num_candidates,
    second.seconds,
  )


def _jobs(
  number: int,
  fidelity: strategy.Fidelity,
  study: strategy.Study,
  widths: width.Widths,
  folder: pathlib.Path,
) -> list[job_lib.Job]:
  """Trials of random architectures."""
  rng = np.random.default_rng(0)
  jobs = []
  for i in range(number):
    proposal = strategy.Proposal(study.space.random(rng), fidelity)
    filters = widths.of(proposal)
    errors.require(
      filters is not None,
      f'search.trial_budget is {widths.budget:g}, which a random architecture'
      ' exceeds at any width: raise it.',
    )
    jobs.append(
      job_lib.Job(i, proposal.genotype, fidelity, i, filters, folder / str(i))
    )
  return jobs


def _run(
  executor: executor_lib.LocalExecutor, jobs: list[job_lib.Job]
) -> list[outcome.Outcome]:
  """Their outcomes, all with scores."""
  ended = []
  for job in jobs:
    executor.submit(job)
  while len(ended) < len(jobs):
    ended += executor.wait(1.0)
  found = []
  for each in ended:
    result = outcome.Outcome.load(each.job.outcome, each.job.key)
    if result is None:
      log = each.job.folder.parent / 'log.txt'
      raise errors.UserError(
        f'The trial failed: {each.loss or "its outcome is missing"}. The last'
        f' that its process said: {_last_line(log)}'
      )
    errors.require(
      result.failure is None,
      f'The trial failed: {(result.failure or "").rstrip(".")}.',
    )
    found.append(result)
  return found


def _last_line(log: pathlib.Path) -> str:
  lines = log.read_text('utf-8', 'replace').split('\n')
  return next((line for line in reversed(lines) if line.strip()), 'nothing.')
