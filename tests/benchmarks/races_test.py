"""Studies in simulated seconds."""

import heapq

import numpy as np
import pytest

from benchmarks import races
from deeplab_nas.search.trials import driver as driver_lib
from deeplab_nas.search.trials import executor as executor_lib
from deeplab_nas.search.trials import ledger as ledger_lib
from deeplab_nas.search.trials import outcome, strategy, width
from deeplab_nas.space import cost
from tests.search.trials import studies


class Listed:
  """Proposes random architectures at the fidelities of a list, in turn."""

  def __init__(self, *fidelities):
    self.fidelities = fidelities
    self.seen = []

  def propose(self, trials, rng):
    self.seen.append([trial.is_pending for trial in trials])
    fidelity = self.fidelities[len(trials) % len(self.fidelities)]
    return strategy.Proposal(studies.MIDDLE.random(rng), fidelity)

  def best(self, trials):
    return [trials[0].genotype]


SHORT, MEDIUM, FULL = studies.FIDELITIES
TASK = studies.task(studies.MIDDLE, fidelities=studies.FIDELITIES)


def test_a_trial_takes_a_second_a_step_and_its_overhead():
  trials = races.run(TASK, Listed(SHORT, FULL), 1001)
  assert [trial.seconds for trial in trials] == [100, 400, 100, 400, 100]
  slow = races.Task(TASK.study, TASK.losses, overhead=100)
  assert len(races.run(slow, Listed(SHORT), 1001)) == 6


def test_two_workers_do_twice_as_many_and_see_pending_ones():
  search = Listed(FULL)
  trials = races.run(TASK, search, 2000, workers=2)
  assert len(trials) == 10 and not any(t.is_pending for t in trials)
  assert search.seen[:4] == [[], [True], [False, True], [False, False, True]]


def test_scores_are_the_loss_with_noise_of_the_trials_own():
  noisy = races.Task(TASK.study, TASK.losses, noise=0.5)
  trials = races.run(noisy, Listed(SHORT), 100 * 300)
  errors = [
    trial.scores['cross_entropy'] - TASK.losses[0](trial.genotype)
    for trial in trials
  ]
  assert np.std(errors) == pytest.approx(0.5, abs=0.07)
  assert noisy.quality(Listed(FULL), trials) == TASK.losses[-1](
    trials[0].genotype
  )
  again = races.run(noisy, Listed(SHORT), 100 * 300)
  assert again == trials
  assert races.run(noisy, Listed(SHORT), 100 * 300, seed=1) != trials


def test_chance_has_its_share_of_small_p():
  rng = np.random.default_rng(0)
  found = [
    races.permutation_p(*rng.normal(size=(2, 8)), rng, 300) for _ in range(200)
  ]
  assert 2 <= sum(p <= 0.05 for p in found) <= 20


def test_always_better_is_as_rare_as_all_heads():
  ours, theirs = np.arange(8.0), np.arange(8.0) + 1
  rng = np.random.default_rng(0)
  assert races.permutation_p(ours, theirs, rng) == pytest.approx(2**-8, rel=0.5)
  assert races.permutation_p(theirs, ours, rng) == 1


def test_incumbents_are_those_of_the_trials_that_have_ended():
  class Newest(Listed):
    def best(self, trials):
      return [t.genotype for t in trials if t.scores is not None][-1:]

  times = [399, 400, 799, 800, 1000]
  found, trials = races.incumbents(TASK, Newest(FULL), times)
  assert trials == races.run(TASK, Newest(FULL), 1000)
  first, second = (trial.genotype for trial in trials[:2])
  assert found == [None, first, first, second, second]


class Simulated:
  """An executor of a real study whose jobs take the seconds of a task."""

  def __init__(self, task, capacity):
    self.capacity = capacity
    self._task, self._now, self._running = task, 0.0, []

  def submit(self, job):
    found = self._task.evaluate(
      strategy.Proposal(job.genotype, job.fidelity), job.seed
    )
    job.folder.mkdir(parents=True, exist_ok=True)
    outcome.Outcome(job.key, dict(found.scores), seconds=found.seconds).save(
      job.outcome
    )
    end = self._now + found.seconds
    heapq.heappush(self._running, (end, job.number, job))

  def wait(self, seconds):
    self._now, _, job = heapq.heappop(self._running)
    return [executor_lib.Ended(job)]

  def cancel(self):
    self._running = []


@pytest.mark.parametrize('workers', [1, 2])
def test_a_race_tries_what_a_real_study_tries(workers, tmp_path):
  """With trials of several lengths: some end before earlier ones."""
  count = 20
  ledger = ledger_lib.Ledger(tmp_path / 'ledger.db', TASK.study.objectives)
  widths = width.Widths(
    cost.CostModel(studies.MIDDLE, 11, (97, 97), True), 1e7, 'cell_macs'
  )
  limits = driver_lib.Limits(count, None, workers)
  driver_lib.Driver(
    studies.build('halving', TASK.study),
    ledger,
    Simulated(TASK, workers),
    widths,
    limits,
    seed=4,
    folder=tmp_path / 'trials',
  ).run()
  real = ledger.trials
  ledger.close()
  raced = None
  for _, trials in races.steps(
    TASK,
    studies.build('halving', TASK.study),
    400 * count,
    4,
    workers,
    limits.num_hidden,
  ):
    raced = trials
  assert len({trial.fidelity for trial in real}) > 1
  assert tuple(raced[:count]) == real
