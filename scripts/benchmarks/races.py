"""Studies in simulated seconds: a strategy against a made-up landscape."""

from __future__ import annotations

import dataclasses
import heapq
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from benchmarks import landscapes
from deeplab_nas.search.trials import strategy


@dataclasses.dataclass(frozen=True)
class Task:
  """What is searched, and how trials see it.

  Attributes:
    study: Space, fidelities and budget.
    losses: The loss at each fidelity, the full one last.
    noise: Standard deviation between the seeds of one architecture, of a full
      trial.
    overhead: Steps that a trial takes besides its own.
  """

  study: strategy.Study
  losses: Sequence[landscapes.Loss]
  noise: float = 0.0
  overhead: int = 0

  def evaluate(
    self, proposal: strategy.Proposal, seed: int
  ) -> tuple[dict[str, float], float]:
    """Scores of a trial and its seconds, one for each step."""
    loss = self.losses[self.study.fidelities.index(proposal.fidelity)]
    rng = np.random.default_rng(seed)
    value = loss(proposal.genotype) + self.noise * rng.normal()
    seconds = proposal.fidelity.steps + self.overhead
    return {self.study.objectives[0]: value}, seconds

  def quality(self, search: Any, trials: Sequence[strategy.Trial]) -> float:
    """The loss, without noise, of what a search thinks the best."""
    return self.losses[-1](search.best(trials)[0])


def run(
  task: Task,
  search: Any,
  seconds: float,
  seed: int = 0,
  workers: int = 1,
) -> list[strategy.Trial]:
  """The trials of a study; the last ones may end after the seconds.

  Args:
    task: The task.
    search: A `strategy.TrialStrategy` of the task's study.
    seconds: When the last trials start at the latest, of simulated time.
    seed: Of the study.
    workers: Trials that run side by side.
  """
  trials = []
  for _, seen in steps(task, search, seconds, seed, workers):
    trials = seen
  return trials


def steps(
  task: Task,
  search: Any,
  seconds: float,
  seed: int = 0,
  workers: int = 1,
) -> Iterator[tuple[float, list[strategy.Trial]]]:
  """A study as it goes on; see `run`.

  Yields:
    The time at which a trial ends, and all trials so far, those that run then
    being pending.
  """
  trials, running, now = [], [], 0.0
  while True:
    while len(running) < workers and now < seconds:
      number = len(trials)
      proposal = search.propose(trials, np.random.default_rng([seed, number]))
      trial = strategy.Trial(number, proposal, hash_seed(seed, number))
      _, length = task.evaluate(proposal, trial.seed)
      trials.append(trial)
      heapq.heappush(running, (now + length, number))
    if not running:
      return
    now, number = heapq.heappop(running)
    trials[number] = finished(task, trials[number])
    yield now, trials


def qualities(
  task: Task,
  search: Any,
  times: Sequence[float],
  seed: int = 0,
  workers: int = 1,
) -> list[float]:
  """The quality of what a study thinks the best at each of some times.

  Args:
    task: The task.
    search: See `run`.
    times: Ascending simulated seconds; trials count that have ended by then.
    seed: Of the study.
    workers: See `run`.

  Returns:
    One number for each time; infinite while nothing has a score.
  """

  def quality(trials: Sequence[strategy.Trial]) -> float:
    if all(trial.scores is None for trial in trials):
      return float('inf')
    return task.quality(search, trials)

  found, before = [], []
  for now, trials in steps(task, search, times[-1], seed, workers):
    while len(found) < len(times) and now > times[len(found)]:
      found.append(quality(before))
    before = list(trials)
  return found + [quality(before)] * (len(times) - len(found))


def hash_seed(seed: int, number: int) -> int:
  """The seed of a trial."""
  return int(np.random.SeedSequence([seed, number]).generate_state(1)[0])


def finished(task: Task, trial: strategy.Trial) -> strategy.Trial:
  """The trial with its scores."""
  scores, seconds = task.evaluate(trial.proposal, trial.seed)
  return trial._replace(scores=scores, seconds=seconds)


def permutation_p(
  ours: Sequence[float],
  theirs: Sequence[float],
  rng: np.random.Generator,
  draws: int = 4000,
) -> float:
  """How often pairs of less or equal losses are as good by chance.

  One-sided sign-flip test of the mean of paired differences.

  Args:
    ours: Losses, less being better.
    theirs: Of the same tasks, in the same order.
    rng: Draws the flips.
    draws: How many, beside the observed one.

  Returns:
    p in (0, 1].
  """
  differences = np.subtract(theirs, ours)
  flips = rng.choice([-1, 1], size=(draws, len(differences)))
  means = (flips * differences).mean(axis=1)
  return float((1 + np.sum(means >= differences.mean())) / (1 + draws))
