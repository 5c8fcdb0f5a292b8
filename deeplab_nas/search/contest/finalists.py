"""The end of a study: what it found and its best random one, trained again.

The best of many scores is in part the luckiest. So what was found and the best
of the architectures that chance alone chose are trained with fresh seeds, as
long as a full trial, and only these scores are compared. They have a ledger of
their own: a study that goes on later proposes as if there were none.
"""

from __future__ import annotations

import dataclasses
import math
import pathlib
from collections.abc import Mapping, Sequence

import numpy as np
from absl import logging

from deeplab_nas import wording
from deeplab_nas.config import search as config_search
from deeplab_nas.evaluate import permutation
from deeplab_nas.report import text
from deeplab_nas.run import stop_signals
from deeplab_nas.search.trials import driver as driver_lib
from deeplab_nas.search.trials import executor as executor_lib
from deeplab_nas.search.trials import history, outcome, strategy, width
from deeplab_nas.search.trials import job as job_lib
from deeplab_nas.search.trials import ledger as ledger_lib
from deeplab_nas.space import genotype as genotype_lib

# Larger than the number of any trial: their seeds are not used again.
_SEED_STREAM = 2**32
_LEVEL = 0.05
_NAMES = (
  *wording.SCORES,
  *(f'{outcome.UNSEEN}{name}' for name in wording.SCORES),
)


@dataclasses.dataclass(frozen=True)
class Finals:
  """What is compared at the end of a study, and the scores.

  Attributes:
    found: The architecture that the study found.
    random: The best that chance alone chose; None if there is none. It can be
      the one that was found.
    num_random: Architectures that chance alone chose and that have a score.
    trials: With fresh seeds, of these two and perhaps of others, which an
      earlier session had found.
  """

  found: genotype_lib.Genotype
  random: genotype_lib.Genotype | None
  num_random: int
  trials: Sequence[strategy.Trial] = ()

  @property
  def genotypes(self) -> tuple[genotype_lib.Genotype, ...]:
    """What is trained again, each once."""
    return tuple(dict.fromkeys(filter(None, (self.found, self.random))))

  def scores(self, genotype: genotype_lib.Genotype, name: str) -> list[float]:
    """One score of an architecture, by seed; [] where it was not measured."""
    return [
      t.scores[name]
      for t in self.trials
      if t.genotype == genotype and t.scores is not None and name in t.scores
    ]


class Again(strategy.TrialStrategy):
  """Proposes given architectures in turns, those with the fewest trials first.

  Attributes:
    fidelity: Of all trials.
  """

  def __init__(
    self,
    genotypes: Sequence[genotype_lib.Genotype],
    fidelity: strategy.Fidelity,
  ):
    self._genotypes = tuple(genotypes)
    self.fidelity = fidelity

  def propose(
    self, trials: Sequence[strategy.Trial], rng: np.random.Generator
  ) -> strategy.Proposal:
    """See `strategy.TrialStrategy`."""
    del rng  # nothing is left to chance
    counts = {genotype: 0 for genotype in self._genotypes}
    for trial in _counted(trials):
      if trial.genotype in counts:
        counts[trial.genotype] += 1
    return strategy.Proposal(min(counts, key=counts.get), self.fidelity)

  def best(
    self, trials: Sequence[strategy.Trial]
  ) -> Sequence[genotype_lib.Genotype]:
    """See `strategy.TrialStrategy`; nothing is to be found here."""
    return []

  def num_trials(self, trials: Sequence[strategy.Trial], each: int) -> int:
    """How many there are once each architecture has had `each` seeds."""
    tried = [trial.genotype for trial in _counted(trials)]
    missing = [max(0, each - tried.count(g)) for g in self._genotypes]
    return len(trials) + sum(missing)


def _counted(trials: Sequence[strategy.Trial]) -> list[strategy.Trial]:
  """All but those that a longer budget would not have ended."""
  return [t for t in trials if t.failure != driver_lib.OUT_OF_TIME]


def choose(
  study: strategy.Study,
  trials: Sequence[strategy.Trial],
  found: genotype_lib.Genotype,
) -> Finals:
  """What is to be compared, without scores yet.

  Args:
    study: Of the trials.
    trials: All of the search.
    found: What the strategy thinks the best.
  """
  drawn = history.drawn(trials)
  of_drawn = [t for t in trials if t.genotype in drawn]
  best = history.best(study, of_drawn)
  scored = {t.genotype for t in of_drawn if t.scores is not None}
  return Finals(found, best[0] if best else None, len(scored))


def affordable(limits: driver_lib.Limits, full: float, wanted: int) -> int:
  """Seeds, at most those wanted, that take no more than a share of the budget.

  Args:
    limits: Of the study.
    full: Seconds of a full trial.
    wanted: The most.
  """
  if limits.seconds is None:
    return wanted
  most = config_search.FINAL_SHARE * limits.seconds
  numbers = range(wanted, 0, -1)
  return next((n for n in numbers if seconds(limits, full, n) <= most), 0)


def seconds(limits: driver_lib.Limits, full: float, number: int) -> float:
  """That two architectures take with so many seeds; see `affordable`."""
  return -(-2 * number // limits.at_a_time) * full


@dataclasses.dataclass(frozen=True)
class Phase:
  """The trainings with fresh seeds of a study.

  Attributes:
    study: What was searched.
    widths: Of its trials.
    limits: Of the study, the search included.
    ledger: The record of these trainings.
    folder: Where their outcomes go.
    wanted: Seeds for each architecture, at most.
    seed: Of the study.
  """

  study: strategy.Study
  widths: width.Widths
  limits: driver_lib.Limits
  ledger: ledger_lib.Ledger
  folder: pathlib.Path
  wanted: int
  seed: int

  def num_seeds(self, trials: Sequence[strategy.Trial]) -> int:
    """How many each architecture gets, given the trials of the search.

    Fewer than wanted, perhaps none, where they would take too much of a budget
    of time.
    """
    full = driver_lib.expected_seconds(trials, self.study.full)
    return affordable(self.limits, full, self.wanted)

  def reserved(self, trials: Sequence[strategy.Trial]) -> float:
    """Seconds of the budget that are not for the search."""
    full = driver_lib.expected_seconds(trials, self.study.full)
    return seconds(self.limits, full, self.num_seeds(trials))

  def train(
    self,
    finals: Finals,
    trials: Sequence[strategy.Trial],
    executor: executor_lib.Executor,
    seconds_before: float,
    stop: stop_signals.StopSignals | None = None,
  ) -> Finals:
    """Trains what is to be compared, unless that was done.

    Args:
      finals: What that is.
      trials: Of the search, with seconds as the limit has them.
      executor: Runs the trainings; afterwards its processes end.
      seconds_before: Of the budget, that the search has taken.
      stop: Asks for an early end.

    Returns:
      The same with all scores that there are.
    """
    again = Again(finals.genotypes, self.study.full)
    number = again.num_trials(self.ledger.trials, self.num_seeds(trials))
    driver = driver_lib.Driver(
      again,
      self.ledger,
      executor,
      self.widths,
      dataclasses.replace(self.limits, num_trials=number),
      driver_lib.seed_of(self.seed, _SEED_STREAM),
      self.folder,
      lambda trial: logging.info('%s', self._line(finals, trial, number)),
      purpose=job_lib.CONFIRM,
      seconds_elsewhere=seconds_before,
    )
    self.folder.mkdir(exist_ok=True)
    driver.run(stop)
    return dataclasses.replace(finals, trials=self.ledger.trials)

  def _line(self, finals: Finals, trial: strategy.Trial, number: int) -> str:
    names = {finals.random: 'best random one', finals.found: 'found'}
    result = described(trial, {name: _title(name) for name in _NAMES})
    done = sum(not t.is_pending for t in self.ledger.trials)
    return (
      f'Trained again ({names.get(trial.genotype, "found before")}): {result},'
      f' {text.duration(trial.seconds)}; {done} of {number} done.'
    )


def described(trial: strategy.Trial, titles: Mapping[str, str]) -> str:
  """What came of a training: 'mIoU 0.41', or why it failed.

  Args:
    trial: One that has ended.
    titles: Of the scores to show, by name; those that it lacks are left out.
  """
  if trial.scores is None:
    return f'failed ({trial.failure})'
  return ', '.join(
    f'{title} {trial.scores[name]:.4g}'
    for name, title in titles.items()
    if name in trial.scores
  )


def verdict(study: strategy.Study, finals: Finals) -> str:
  """Whether what was found is better than the best random one, in a sentence.

  By the first objective that is a score, on unseen images where there are some.
  """
  of = f'the best of {finals.num_random} random ones'
  if finals.random is None:
    return 'No random architecture was tried, to compare what was found with.'
  if finals.random == finals.found:
    return f'What was found is {of}.'
  found, random = _losses(study, finals)
  p_values = _p_values(found, random)
  if p_values is None:
    return (
      f'Whether what was found is better than {of} was not measured with fresh'
      ' seeds: allow more search.budget.'
    )
  better, worse = p_values
  least = 1 / math.comb(len(found) + len(random), len(found))
  of_test = f'p = {min(better, worse):.2g}, exact permutation test over seeds'
  if better <= _LEVEL:
    return f'What was found is better than {of} ({of_test}).'
  if worse <= _LEVEL:
    return f'What was found is worse than {of} ({of_test}).'
  few = f'; {len(found)} and {len(random)} seeds cannot give less than'
  note = f'{few} {least:.2g}' if least > _LEVEL else ''
  return f'What was found and {of} cannot be told apart ({of_test}{note}).'


def decision(study: strategy.Study, finals: Finals) -> int | None:
  """1 if what was found is better than the best random one, -1 if worse.

  0 if they cannot be told apart, None where nothing is compared: see `verdict`.
  """
  if finals.random in (None, finals.found):
    return None
  p_values = _p_values(*_losses(study, finals))
  if p_values is None:
    return None
  better, worse = p_values
  if better <= _LEVEL:
    return 1
  return -1 if worse <= _LEVEL else 0


def _p_values(
  found: Sequence[float], random: Sequence[float]
) -> tuple[float, float] | None:
  """That what was found is no better, and no worse; None if not measured."""
  if not (found and random):
    return None
  return (
    permutation.p_of_less(found, random),
    permutation.p_of_less(random, found),
  )


def _losses(
  study: strategy.Study, finals: Finals
) -> tuple[list[float], list[float]]:
  """Of what was found and of the best random one, by seed; less is better."""
  name = measure(study, finals)
  sign = -1 if name.endswith(strategy.LARGER_IS_BETTER) else 1
  return tuple(
    [sign * x for x in finals.scores(genotype, name)]
    for genotype in (finals.found, finals.random)
  )


def measure(study: strategy.Study, finals: Finals) -> str:
  """The score that decides, of unseen images where there are any."""
  name = next(
    (x for x in study.objectives if x in wording.SCORES), 'cross_entropy'
  )
  unseen = f'{outcome.UNSEEN}{name}'
  return unseen if finals.scores(finals.found, unseen) else name


def lines(study: strategy.Study, finals: Finals) -> list[str]:
  """The scores with fresh seeds as a small table; nothing where there are none.

  The verdict is not in it.
  """
  names = [name for name in _NAMES if finals.scores(finals.found, name)]
  if not names:
    return []
  rows = [['', *map(_title, names), 'seeds']]
  for genotype in finals.genotypes:
    is_found = genotype == finals.found
    title = 'found' if is_found else f'best of {finals.num_random} random ones'
    cells = [_spread(finals.scores(genotype, name)) for name in names]
    count = len(finals.scores(genotype, names[0]))
    rows.append([f'{title}, {genotype.digest}', *cells, str(count)])
  return [
    'Trained again with fresh seeds (mean +- standard deviation):',
    *(f'  {row}' for row in wording.aligned(rows)),
  ]


def _title(name: str) -> str:
  images = 'unseen' if name.startswith(outcome.UNSEEN) else 'half B'
  return f'{wording.SCORES[name.removeprefix(outcome.UNSEEN)]}, {images}'


def _spread(values: Sequence[float]) -> str:
  if not values:
    return '-'
  if len(values) < 2:
    return f'{values[0]:.4f}'
  return f'{np.mean(values):.4f} +- {np.std(values, ddof=1):.4f}'
