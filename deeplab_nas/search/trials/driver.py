"""The loop of a study: proposes, hands out, notes what comes back.

It is deterministic whatever the timing: proposal n is made of the trials before
it, of which the last ones are shown as pending even where they have ended. So a
study that was killed at any moment and is gone on with ends as one that never
was.
"""

from __future__ import annotations

import dataclasses
import pathlib
import time
from collections.abc import Callable, Sequence

import numpy as np
import threadpoolctl
from absl import logging

from deeplab_nas.run import stop_signals
from deeplab_nas.search.trials import executor as executor_lib
from deeplab_nas.search.trials import history, outcome, strategy, width
from deeplab_nas.search.trials import job as job_lib
from deeplab_nas.search.trials import ledger as ledger_lib

MAX_TRIES = 3
# Failed trials, and none that succeeded, after which a study is given up.
_HOPELESS = 10
_TICK_SECONDS = 1.0
# Over the budget of time, before what runs is ended.
_GRACE = 1.1
OUT_OF_TIME = 'out of time'
LOST = f'lost {MAX_TRIES} times'


@dataclasses.dataclass(frozen=True)
class Limits:
  """When a study ends.

  Attributes:
    num_trials: Trainings in all; None for no limit.
    seconds: Of all sessions together; None for no limit.
    parallel: Trials at a time, at most.
    by_processor: Whether seconds are those of processors, of the trials that
      have ended, and not those of a clock on the wall.
    capacity: How many the devices let run at a time; None for all of them.
  """

  num_trials: int | None
  seconds: float | None
  parallel: int
  by_processor: bool = False
  capacity: int | None = None

  @property
  def at_a_time(self) -> int:
    """Trials whose seconds count once: those of processors add up."""
    if self.by_processor:
      return 1
    return self.parallel if self.capacity is None else self.capacity

  @property
  def num_hidden(self) -> int:
    """Trials before a proposal that it does not see the end of.

    Twice those that run at a time, less one: where some take longer than
    others, processes need not wait for them. One that runs alone hides none.
    """
    return 2 * self.parallel - 1 if self.parallel > 1 else 0


class Driver:
  """Runs a study until it ends or is asked to stop.

  Attributes:
    ledger: The trials.
  """

  def __init__(
    self,
    chosen: strategy.TrialStrategy,
    ledger: ledger_lib.Ledger,
    executor: executor_lib.Executor,
    widths: width.Widths,
    limits: Limits,
    seed: int,
    folder: pathlib.Path,
    note: Callable[[strategy.Trial], None] = lambda trial: None,
    purpose: str = job_lib.SEARCH,
    reserve: Callable[[Sequence[strategy.Trial]], float] = lambda trials: 0.0,
    seconds_elsewhere: float = 0.0,
  ):
    """Takes what it needs; nothing is started.

    Args:
      chosen: Makes the proposals.
      ledger: Of the study, perhaps of an earlier session.
      executor: Runs the trials.
      widths: Says how wide they are.
      limits: When to end.
      seed: Of the study.
      folder: For a folder of each trial.
      note: Told of each trial that has ended.
      purpose: Of the trials, see `Job`.
      reserve: Given the trials, the seconds of the budget that are for what
        comes after.
      seconds_elsewhere: Of the budget that other trials took.
    """
    self._strategy = chosen
    self.ledger = ledger
    self._executor = executor
    self._widths = widths
    self._limits = limits
    self._seed = seed
    self._folder = folder
    self._note = note
    self._purpose = purpose
    self._reserve = reserve
    self._elsewhere = seconds_elsewhere
    self._keeps_weights = chosen.inherits
    self._running: set[int] = set()
    self._began = time.monotonic()
    self._seconds_before = ledger.seconds
    self._processor = self._processor_seconds()

  @property
  def seconds(self) -> float:
    """Of its limit that the study has taken, over all sessions."""
    return self._elsewhere + self.spent

  @property
  def spent(self) -> float:
    """Without those that other trials took."""
    if self._limits.by_processor:
      return sum(self._processor.values())
    return self._own_seconds

  @property
  def timed(self) -> list[strategy.Trial]:
    """All trials, with seconds as the limit has them."""
    trials = self.ledger.trials
    if not self._limits.by_processor:
      return trials
    return [
      t._replace(seconds=self._processor.get(t.number, 0.0)) for t in trials
    ]

  @property
  def _own_seconds(self) -> float:
    return self._seconds_before + time.monotonic() - self._began

  def run(
    self,
    stop: stop_signals.StopSignals | None = None,
    keeps_executor: bool = False,
  ) -> None:
    """Runs what is left.

    Args:
      stop: Asks for an early end; what runs then is done again by the next
        session.
      keeps_executor: Whether its processes stay for another driver if nothing
        runs in the end.
    """
    try:
      while not (stop and stop.is_asked):
        self._fill()
        if not self._running:
          break
        for ended in self._executor.wait(_TICK_SECONDS):
          self._take(ended)
        self.ledger.seconds = self._own_seconds
        if self._is_out_of_time():
          self._give_up_running()
          break
    finally:
      if self._running or not keeps_executor:
        self._executor.cancel()
      self.ledger.seconds = self._own_seconds

  def seconds_of(self, fidelity: strategy.Fidelity) -> float:
    """How long a trial is expected to take; 0 where nothing is known."""
    return expected_seconds(self.timed, fidelity)

  def seconds_left(self) -> float | None:
    """How long the study will go on; None where nothing is known."""
    trials = self.ledger.trials
    lasts = [
      self.seconds_of(t.fidelity)
      for t in trials
      if t.scores is not None and t.fidelity.is_trained
    ]
    if not lasts:
      return None
    left = []
    if self._limits.seconds is not None:
      seconds = self._limits.seconds - self.seconds
      shared = self._executor.capacity if self._limits.by_processor else 1
      left.append(seconds / shared)
    if self._limits.num_trials is not None:
      done = history.num_trained([t for t in trials if not t.is_pending])
      rounds = (self._limits.num_trials - done) / self._executor.capacity
      left.append(rounds * float(np.mean(lasts)))
    return max(0.0, min(left)) if left else None

  def _processor_seconds(self) -> dict[int, float]:
    """Those of all trials that have ended, by number."""
    return {
      number: found.processor_seconds
      for number, found in outcomes(self._folder, self.ledger.trials).items()
    }

  def _fill(self) -> None:
    """Gives all free processes something to do."""
    while len(self._running) < self._executor.capacity:
      waiting = [
        t
        for t in self.ledger.trials
        if t.is_pending and t.number not in self._running
      ]
      trial = waiting[0] if waiting else self._proposed()
      if trial is None:
        return
      self._start(trial)

  def _proposed(self) -> strategy.Trial | None:
    """A new trial, if its time has come."""
    trials = self.ledger.trials
    number = len(trials)
    limit = self._limits.num_trials
    if limit is not None and history.num_trained(trials) >= limit:
      return None
    seen = number - self._limits.num_hidden
    if any(t.is_pending for t in trials[: max(0, seen)]):
      return None
    failed = [t for t in trials if t.failure not in (None, OUT_OF_TIME)]
    if len(failed) >= _HOPELESS and not any(t.scores for t in trials):
      return None
    rng = np.random.default_rng([self._seed, number])
    # Its matrices are small: threads of BLAS would wait for each other, busily,
    # on the cores that trials need.
    with threadpoolctl.threadpool_limits(1, user_api='blas'):
      proposal = self._strategy.propose(shown(trials, seen), rng)
    if self._limits.seconds is not None:
      end = self.seconds + self.seconds_of(proposal.fidelity)
      if self._limits.by_processor:  # which counts no trial before its end
        end += sum(self.seconds_of(t.fidelity) for t in trials if t.is_pending)
      end += self._reserve(self.timed)
      if end > self._limits.seconds * (1 + _GRACE) / 2:
        return None
    return self.ledger.append(proposal, seed_of(self._seed, number))

  def _start(self, trial: strategy.Trial) -> None:
    filters = self._widths.of(trial.proposal)
    if filters is None:
      reason = f'no width is within the budget of {self._widths.measure}'
      self._end(trial.number, failure=reason)
      return
    job = job_lib.Job(
      trial.number,
      trial.genotype,
      trial.fidelity,
      trial.seed,
      filters,
      job_lib.folder_of(self._folder, trial.number),
      self._purpose,
      trial.proposal.parent if trial.proposal.inherits else None,
      self._keeps_weights,
    )
    found = outcome.Outcome.load(job.outcome, job.key)
    if found is not None:  # of a session that did not come to note it
      self._adopt(trial.number, found)
      return
    if self.ledger.num_lost(trial.number) >= MAX_TRIES:  # likewise
      self._end(trial.number, failure=LOST)
      return
    self._running.add(trial.number)
    self._executor.submit(job)

  def _take(self, ended: executor_lib.Ended) -> None:
    """Notes the outcome of a job, or has it done again."""
    job = ended.job
    self._running.discard(job.number)
    found = outcome.Outcome.load(job.outcome, job.key)
    if found is not None:
      self._adopt(job.number, found)
      return
    reason = ended.loss or 'its outcome cannot be read'
    tries = self.ledger.lose(job.number)
    if tries >= MAX_TRIES:
      self._end(job.number, failure=reason)
    else:
      logging.warning(
        'Trial %d was lost (%s): it is done again, with the same seed (try %d'
        ' of %d).',
        job.number,
        reason,
        tries + 1,
        MAX_TRIES,
      )

  def _adopt(self, number: int, found: outcome.Outcome) -> None:
    self._processor[number] = found.processor_seconds
    self._end(number, found.scores, found.seconds, found.failure, found.about)

  def _end(
    self, number: int, scores=None, seconds=0.0, failure=None, about=None
  ) -> None:
    self._note(self.ledger.finish(number, scores, seconds, failure, about))
    if self._keeps_weights:
      self._remove_weights()

  def _remove_weights(self) -> None:
    """Those of trials that no later proposal will inherit from."""
    trials = self.ledger.trials
    num_seen = max(0, len(trials) - self._limits.num_hidden)
    wanted = set(self._strategy.possible_parents(shown(trials, num_seen)))
    wanted |= {t.proposal.parent for t in trials if t.is_pending}
    for trial in trials[:num_seen]:
      if not trial.is_pending and trial.number not in wanted:
        path = job_lib.folder_of(self._folder, trial.number) / job_lib.WEIGHTS
        path.unlink(missing_ok=True)

  def _is_out_of_time(self) -> bool:
    limit = self._limits.seconds
    return limit is not None and self.seconds > _GRACE * limit

  def _give_up_running(self) -> None:
    self._executor.cancel()
    for number in sorted(self._running):
      path = job_lib.folder_of(self._folder, number) / job_lib.OUTCOME
      found = outcome.Outcome.load(path)
      if found is not None:  # written since the executor was asked
        self._adopt(number, found)
      else:
        self._end(number, failure=OUT_OF_TIME)
    self._running.clear()


def spent(
  limits: Limits, ledger: ledger_lib.Ledger, folder: pathlib.Path
) -> float:
  """Seconds, as the limit has them, that the trials of a ledger took."""
  if not limits.by_processor:
    return ledger.seconds
  found = outcomes(folder, ledger.trials).values()
  return sum(each.processor_seconds for each in found)


def outcomes(
  folder: pathlib.Path, trials: Sequence[strategy.Trial]
) -> dict[int, outcome.Outcome]:
  """What processes wrote of trials that have ended, by number.

  Of those that failed without an outcome there is none.
  """
  files = {
    t.number: job_lib.folder_of(folder, t.number) / job_lib.OUTCOME
    for t in trials
    if not t.is_pending
  }
  found = {n: outcome.Outcome.load(path) for n, path in files.items()}
  return {n: each for n, each in found.items() if each is not None}


def expected_seconds(
  trials: Sequence[strategy.Trial], fidelity: strategy.Fidelity
) -> float:
  """How long another trial will take; 0 where nothing is known."""
  ended = [
    t
    for t in trials
    if t.scores is not None and t.fidelity.evaluator == fidelity.evaluator
  ]
  same = [t.seconds for t in ended if t.fidelity == fidelity]
  if same:
    return float(np.median(same))
  if not fidelity.is_trained:  # does not take steps of its own
    return 0.0
  by_step = [t.seconds / t.fidelity.steps for t in ended]
  return float(np.median(by_step)) * fidelity.steps if by_step else 0.0


def shown(
  trials: Sequence[strategy.Trial], num_seen: int
) -> list[strategy.Trial]:
  """The history as a proposal sees it: all but the first ones pending."""
  return [
    trial
    if trial.number < num_seen
    else strategy.Trial(trial.number, trial.proposal, trial.seed)
    for trial in trials
  ]


def seed_of(seed: int, number: int) -> int:
  """Of a trial's weights and data, from the study's."""
  state = np.random.SeedSequence([seed, number]).generate_state(1)
  return int(state[0] >> 1)
