"""A study is the same whatever the timing, and whenever it was killed."""

import dataclasses

import numpy as np
import pytest
import threadpoolctl

from deeplab_nas.search.trials import driver as driver_lib
from deeplab_nas.search.trials import executor as executor_lib
from deeplab_nas.search.trials import ledger as ledger_lib
from deeplab_nas.search.trials import outcome, strategy, width
from deeplab_nas.space import cost
from tests.search.trials import studies

SPACE = studies.MIDDLE
STUDY = strategy.Study(SPACE, (studies.FULL,))
WIDTHS = width.Widths(
  cost.CostModel(SPACE, 11, (97, 97), True), 1e7, 'cell_macs'
)


class Killed(BaseException):
  """As the driver's end."""


class AtOnce:
  """An executor without processes: scores are a function of the job.

  Jobs end in an order that `rng` draws; those of `losses` are lost, by number,
  so often; and after `kill_after` of them nothing goes on.
  """

  def __init__(self, rng, capacity=2, losses=None, failing=(), kill_after=None):
    self.capacity = capacity
    self._rng = rng
    self._jobs = []
    self._losses = dict(losses or {})
    self._failing = failing
    self._left = kill_after
    self.seeds = {}

  def submit(self, job):
    assert len(self._jobs) < self.capacity
    self.seeds.setdefault(job.number, set()).add((job.seed, job.genotype))
    self._jobs.append(job)

  def wait(self, seconds):
    if self._left == 0:
      raise Killed
    self._left = self._left and self._left - 1
    job = self._jobs.pop(self._rng.integers(len(self._jobs)))
    if self._losses.get(job.number, 0):
      self._losses[job.number] -= 1
      return [executor_lib.Ended(job, 'crash: by this test')]
    job.folder.mkdir(parents=True, exist_ok=True)
    found = {'failure': 'nan'}
    if job.number not in self._failing:
      value = int(job.genotype.digest[:6], 16) / 16**6
      found = {'scores': {'cross_entropy': value}}
    outcome.Outcome(job.key, seconds=1.0, **found).save(job.outcome)
    return [executor_lib.Ended(job)]

  def cancel(self):
    self._jobs = []


def run(
  folder,
  executor,
  num_trials=24,
  name='regularized_evolution',
  study=STUDY,
  **kw,
):
  folder.mkdir(exist_ok=True)
  ledger = ledger_lib.Ledger(folder / 'ledger.db', study.objectives)
  limits = driver_lib.Limits(num_trials, None, executor.capacity)
  driver = driver_lib.Driver(
    studies.build(name, study),
    ledger,
    executor,
    WIDTHS,
    limits,
    seed=5,
    folder=folder / 'trials',
    **kw,
  )
  try:
    driver.run()
  finally:
    ledger.close()
  return ledger.trials


def num_blas_threads():
  return {
    library['num_threads']
    for library in threadpoolctl.threadpool_info()
    if library['user_api'] == 'blas'
  }


def test_a_proposal_leaves_the_cores_to_the_trials(tmp_path, monkeypatch):
  seen = []
  search = studies.build('random', STUDY)
  propose = search.propose

  def noted(trials, rng):
    seen.append(num_blas_threads())
    return propose(trials, rng)

  monkeypatch.setattr(type(search), 'propose', staticmethod(noted))
  with threadpoolctl.threadpool_limits(2, user_api='blas'):
    run(tmp_path, AtOnce(rng(0)), num_trials=2, name='random')
  assert seen == [{1}, {1}]


def rng(seed):
  return np.random.default_rng(seed)


@pytest.fixture(scope='module')
def plain(tmp_path_factory):
  """The history of a study that was never killed."""
  return run(tmp_path_factory.mktemp('plain'), AtOnce(rng(0)))


def test_proposals_do_not_depend_on_who_ends_first(plain, tmp_path):
  assert len({trial.genotype for trial in plain}) > 12
  assert any(trial.proposal.parent is not None for trial in plain)
  assert run(tmp_path, AtOnce(rng(1))) == plain


def test_a_study_that_was_killed_ends_as_one_that_was_not(plain, tmp_path):
  for seed in range(100):
    number = int(rng(seed).integers(1, 5))
    try:
      found = run(tmp_path, AtOnce(rng(seed), kill_after=number))
      break
    except Killed:
      continue
  assert seed > 4
  assert found == plain


def test_outcomes_of_a_killed_session_are_adopted(tmp_path):
  with pytest.raises(Killed):
    run(tmp_path, AtOnce(rng(0), kill_after=3), num_trials=6)
  done = {path.parent.name for path in tmp_path.glob('trials/*/outcome.json')}
  with_outcome = AtOnce(rng(1))
  run(tmp_path, with_outcome, num_trials=6)
  assert len(done) == 3
  assert not done & {f'{number:04d}' for number in with_outcome.seeds}


def test_a_lost_trial_is_done_again_with_the_same_seed(plain, tmp_path):
  executor = AtOnce(rng(2), losses={3: 2})
  assert run(tmp_path, executor) == plain
  assert len(executor.seeds[3]) == 1
  ledger = ledger_lib.Ledger(tmp_path / 'ledger.db', STUDY.objectives)
  assert ledger.num_lost(3) == 2


def test_after_three_tries_a_lost_trial_has_failed(tmp_path):
  trials = run(tmp_path, AtOnce(rng(0), losses={1: 9}), num_trials=6)
  assert trials[1].failure == 'crash: by this test'
  assert [trial.scores is None for trial in trials] == [
    number == 1 for number in range(6)
  ]


def test_a_failure_is_a_result(tmp_path):
  trials = run(tmp_path, AtOnce(rng(0), failing=(0, 2)), num_trials=5)
  assert [trial.failure for trial in trials] == [
    'nan',
    None,
    'nan',
    None,
    None,
  ]


def test_a_study_of_failures_alone_is_given_up(tmp_path):
  trials = run(tmp_path, AtOnce(rng(0), failing=range(99)), num_trials=99)
  assert 10 <= len(trials) < 20


def test_what_no_budget_allows_has_failed(tmp_path):
  ledger = ledger_lib.Ledger(tmp_path / 'ledger.db', STUDY.objectives)
  driver = driver_lib.Driver(
    studies.build('random', dataclasses.replace(STUDY)),
    ledger,
    AtOnce(rng(0)),
    dataclasses.replace(WIDTHS, budget=1.0),
    driver_lib.Limits(3, None, 2),
    5,
    tmp_path,
  )
  driver.run()
  reason = 'no width is within the budget of cell_macs'
  assert [trial.failure for trial in ledger.trials] == [reason] * 3


def test_each_trial_that_ends_is_noted_once(tmp_path):
  noted = []
  trials = run(tmp_path, AtOnce(rng(0)), num_trials=7, note=noted.append)
  assert sorted(noted) == list(trials)


def test_scores_by_a_hypernetwork_are_beside_the_number_of_trials(tmp_path):
  scored = strategy.Fidelity(9, evaluator=strategy.HYPERNETWORK)
  study = strategy.Study(SPACE, (scored, studies.FULL))
  kinds = [scored] * 6 + [studies.FULL] * 4
  for number in (3, 4):  # the second one goes on with the first one's ledger
    found = run(
      tmp_path, AtOnce(rng(0)), number, 'graph_hypernetwork', study=study
    )
    assert [trial.fidelity for trial in found] == kinds[: 6 + number]


def test_a_proposal_sees_all_but_the_last_trials():
  genotypes = studies.genotypes(SPACE, 5)
  trials = [studies.trial(i, g, 0.5) for i, g in enumerate(genotypes)]
  seen = driver_lib.shown(trials, 2)
  assert seen[:2] == trials[:2]
  assert all(trial.is_pending for trial in seen[2:])
  assert [t.proposal for t in seen] == [t.proposal for t in trials]
  assert [t.seed for t in seen] == [t.seed for t in trials]
  assert driver_lib.shown(trials, -3) == driver_lib.shown(trials, 0)


@pytest.mark.parametrize(('parallel', 'hidden'), [(1, 0), (2, 3), (4, 7)])
def test_trials_that_run_alone_are_all_seen(parallel, hidden):
  assert driver_lib.Limits(9, None, parallel).num_hidden == hidden


def test_seeds_differ_by_trial_and_study():
  seeds = [driver_lib.seed_of(a, b) for a in range(5) for b in range(20)]
  assert len(set(seeds)) == 100
  assert all(0 <= seed < 2**31 for seed in seeds)


class Slow(AtOnce):
  """Takes six seconds of the clock for each trial."""

  def __init__(self, clock):
    super().__init__(rng(0))
    self._clock = clock

  def wait(self, seconds):
    self._clock.now += 3.0  # two at a time
    [ended] = super().wait(seconds)
    found = outcome.Outcome.load(ended.job.outcome, ended.job.key)
    dataclasses.replace(found, seconds=6.0).save(ended.job.outcome)
    return [ended]


class Clock:
  now = 0.0

  def monotonic(self):
    return self.now


@pytest.mark.parametrize('sessions', [1, 3])
def test_a_budget_of_time_is_kept_over_all_sessions(
  tmp_path, monkeypatch, sessions
):
  clock = Clock()
  monkeypatch.setattr(driver_lib, 'time', clock)
  for session in range(sessions):
    ledger = ledger_lib.Ledger(tmp_path / 'ledger.db', STUDY.objectives)
    driver = driver_lib.Driver(
      studies.build('random', STUDY),
      ledger,
      Slow(clock),
      WIDTHS,
      driver_lib.Limits(None, 60.0 * (session + 1) / sessions, 2),
      5,
      tmp_path / 'trials',
    )
    driver.run()
    ledger.close()
  assert 54 <= ledger.seconds <= 66
  assert 17 <= len(ledger.trials) <= 22
  assert not any(trial.is_pending for trial in ledger.trials)


class Stuck(Slow):
  """Whose trials take longer than there is time for."""

  def wait(self, seconds):
    self._clock.now += 100.0
    return []


def test_what_ran_out_of_time_is_no_sign_that_nothing_works(
  tmp_path, monkeypatch
):
  clock = Clock()
  monkeypatch.setattr(driver_lib, 'time', clock)
  for limit, executor in ((50.0, Stuck), (1e4, Slow)):
    for _ in range(5 if executor is Stuck else 1):
      ledger = ledger_lib.Ledger(tmp_path / 'ledger.db', STUDY.objectives)
      limits = driver_lib.Limits(20, ledger.seconds + limit, 2)
      driver_lib.Driver(
        studies.build('random', STUDY),
        ledger,
        executor(clock),
        WIDTHS,
        limits,
        5,
        tmp_path / 'trials',
      ).run()
      ledger.close()
  failed = [t for t in ledger.trials if t.failure == driver_lib.OUT_OF_TIME]
  assert len(failed) == 10
  assert sum(t.scores is not None for t in ledger.trials) == 10


class OfProcessor(AtOnce):
  """Six seconds of processors for each trial, in no time."""

  def wait(self, seconds):
    [ended] = super().wait(seconds)
    found = outcome.Outcome.load(ended.job.outcome, ended.job.key)
    spent = dataclasses.replace(found, cpu_seconds=4, process_cpu_seconds=2)
    spent.save(ended.job.outcome)
    return [ended]


@pytest.mark.parametrize('kills', [(), (2, 3)])
def test_a_budget_of_processor_time_is_kept_over_all_sessions(tmp_path, kills):
  """What a killed session did counts, by the outcomes that it left."""
  for kill_after in (*kills, None):
    ledger = ledger_lib.Ledger(tmp_path / 'ledger.db', STUDY.objectives)
    driver = driver_lib.Driver(
      studies.build('random', STUDY),
      ledger,
      OfProcessor(rng(0), kill_after=kill_after),
      WIDTHS,
      driver_lib.Limits(None, 60.0, 2, by_processor=True),
      5,
      tmp_path / 'trials',
    )
    if kill_after is None:
      driver.run()
    else:
      with pytest.raises(Killed):
        driver.run()
    ledger.close()
  assert driver.seconds == 60
  assert len(ledger.trials) == 10
  assert not any(trial.is_pending for trial in ledger.trials)
