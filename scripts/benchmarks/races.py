"""Studies in simulated seconds: a strategy against a landscape."""

from __future__ import annotations

import dataclasses
import heapq
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np

from benchmarks import landscapes
from deeplab_nas.search.trials import driver, strategy
from deeplab_nas.space import genotype as genotype_lib


class Result(NamedTuple):
  """What came of a trial.

  Attributes:
    scores: By name; None where it failed.
    seconds: That it took.
    failure: Why there are no scores, or None.
  """

  scores: Mapping[str, float] | None
  seconds: float
  failure: str | None = None


class Evaluator(Protocol):
  """What is searched: a landscape of losses, and trials that see it.

  Attributes:
    study: Space, fidelities and budget.
  """

  study: strategy.Study

  def evaluate(self, proposal: strategy.Proposal, seed: int) -> Result:
    """The outcome of a trial, the same for the same seed."""


@dataclasses.dataclass(frozen=True)
class Task:
  """A made-up landscape; an `Evaluator`.

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

  def evaluate(self, proposal: strategy.Proposal, seed: int) -> Result:
    """Takes a second for each step."""
    loss = self.losses[self.study.fidelities.index(proposal.fidelity)]
    rng = np.random.default_rng(seed)
    value = loss(proposal.genotype) + self.noise * rng.normal()
    seconds = proposal.fidelity.steps + self.overhead
    return Result({self.study.objectives[0]: value}, seconds)

  def quality(self, search: Any, trials: Sequence[strategy.Trial]) -> float:
    """The loss, without noise, of what a search thinks the best."""
    return self.losses[-1](search.best(trials)[0])


def run(
  task: Evaluator,
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
  task: Evaluator,
  search: Any,
  seconds: float,
  seed: int = 0,
  workers: int = 1,
  num_hidden: int = 0,
) -> Iterator[tuple[float, list[strategy.Trial]]]:
  """A study as it goes on; see `run`.

  Args:
    task: See `run`.
    search: See `run`.
    seconds: See `run`.
    seed: See `run`.
    workers: See `run`.
    num_hidden: Of the last trials, those that a proposal sees as pending even
      where they have ended, and does not wait for; a proposal waits for all
      before them. 0 to show what there is, and wait for nothing;
      `driver.Limits.num_hidden` to be as real studies are.

  Yields:
    The time at which a trial ends, and all trials so far, those that run then
    being pending.
  """
  trials, running, now = [], [], 0.0
  while True:
    while len(running) < workers and now < seconds:
      number = len(trials)
      seen = number - num_hidden
      if num_hidden and any(n < seen for _, n in running):
        break
      proposal = search.propose(
        driver.shown(trials, seen), np.random.default_rng([seed, number])
      )
      trial = strategy.Trial(number, proposal, driver.seed_of(seed, number))
      length = task.evaluate(proposal, trial.seed).seconds
      trials.append(trial)
      heapq.heappush(running, (now + length, number))
    if not running:
      return
    now, number = heapq.heappop(running)
    trials[number] = finished(task, trials[number])
    yield now, trials


def incumbents(
  task: Evaluator,
  search: Any,
  times: Sequence[float],
  seed: int = 0,
  workers: int = 1,
  num_hidden: int = 0,
) -> tuple[list[genotype_lib.Genotype | None], list[strategy.Trial]]:
  """What a study would return at each of some times.

  Args:
    task: The task.
    search: See `run`.
    times: Ascending simulated seconds; trials count that have ended by then.
    seed: Of the study.
    workers: See `run`.
    num_hidden: See `steps`.

  Returns:
    The best architecture at each time, None while there is none; and all
    trials, of which the last ones may have ended after the last time.
  """
  found, before = [], []

  def best() -> genotype_lib.Genotype | None:
    return next(iter(search.best(before)), None)

  for now, trials in steps(task, search, times[-1], seed, workers, num_hidden):
    while len(found) < len(times) and now > times[len(found)]:
      found.append(best())
    before = list(trials)
  return found + [best() for _ in times[len(found) :]], before


def finished(task: Evaluator, trial: strategy.Trial) -> strategy.Trial:
  """The trial with what came of it."""
  return trial._replace(**task.evaluate(trial.proposal, trial.seed)._asdict())


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
