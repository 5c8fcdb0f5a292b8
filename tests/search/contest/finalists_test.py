"""What a study found and its best random one, with fresh seeds."""

import dataclasses

import numpy as np
import pytest

from deeplab_nas.search.contest import finalists
from deeplab_nas.search.trials import driver as driver_lib
from deeplab_nas.search.trials import executor as executor_lib
from deeplab_nas.search.trials import job as job_lib
from deeplab_nas.search.trials import ledger as ledger_lib
from deeplab_nas.search.trials import outcome, strategy, width
from deeplab_nas.space import cost
from tests.search.trials import driver_test, studies

SPACE = studies.MIDDLE
STUDY = strategy.Study(SPACE, (strategy.Fidelity(100), studies.FULL))
A, B, C, D = studies.genotypes(SPACE, 4)
NO_LIMIT = driver_lib.Limits(20, None, 2)


def trial(number, genotype, loss, is_random=False, fidelity=studies.FULL):
  made = studies.trial(number, genotype, loss, fidelity)
  return made._replace(
    proposal=made.proposal._replace(is_random=is_random), seconds=10.0
  )


TRIALS = [
  trial(0, A, 0.9, True),
  trial(1, B, 0.4, True, strategy.Fidelity(100)),
  trial(2, C, 0.5),
  trial(3, B, 0.7),  # the random one, promoted
  trial(4, D, None, True),
]


def finals(found=(), random=(), prefix='', **values):
  """Scores of C, which was found, and of B."""
  trials = []
  for genotype, losses in ((C, found), (B, random)):
    for loss in losses:
      made = trial(len(trials), genotype, loss)
      scores = {f'{prefix}cross_entropy': loss, f'{prefix}miou': 1 - loss}
      trials.append(made._replace(scores={**made.scores, **scores}))
  return finalists.Finals(C, values.get('best', B), 3, trials)


def test_the_best_of_those_that_chance_chose_is_by_the_longest_trials():
  chosen = finalists.choose(STUDY, TRIALS, C)
  assert chosen == finalists.Finals(C, B, 2)
  assert chosen.genotypes == (C, B)


def test_what_was_found_can_be_random_itself():
  chosen = finalists.choose(STUDY, TRIALS, B)
  assert chosen.genotypes == (B,)
  assert finalists.verdict(STUDY, chosen) == (
    'What was found is the best of 2 random ones.'
  )


def test_without_random_ones_there_is_nothing_to_compare_with():
  chosen = finalists.choose(STUDY, TRIALS[2:3], C)
  assert chosen.random is None
  assert 'No random architecture' in finalists.verdict(STUDY, chosen)


def test_architectures_take_turns_and_count_what_is_there():
  again = finalists.Again((C, B), studies.FULL)
  rng = np.random.default_rng(0)
  # Of an earlier session: one of C, and one of what was found then.
  trials = [trial(0, C, 0.5), trial(1, A, 0.5)]
  assert again.num_trials(trials, 2) == 5
  for number in range(2, 5):
    proposal = again.propose(trials, rng)
    trials.append(trial(number, proposal.genotype, 0.5))
  assert [t.genotype for t in trials] == [C, A, B, C, B]
  assert again.num_trials(trials, 2) == 5
  assert again.best(trials) == []


@pytest.mark.parametrize(
  ('budget', 'wanted', 'expected'),
  [(None, 3, 3), (120.0, 3, 3), (119.0, 3, 2), (39.0, 3, 0), (1e9, 0, 0)],
)
def test_a_quarter_of_the_budget_is_the_most(budget, wanted, expected):
  """Two at a time, 10 s each: 10 s for a seed of both."""
  limits = dataclasses.replace(NO_LIMIT, seconds=budget)
  assert finalists.affordable(limits, 10.0, wanted) == expected
  assert finalists.seconds(limits, 10.0, expected) == 10 * expected
  assert phase(None, limits=limits, wanted=wanted).reserved(TRIALS) == (
    10 * expected
  )


def test_a_clear_difference_is_said_and_so_is_a_loss():
  better = finals([0.1, 0.2, 0.3], [0.4, 0.5, 0.6])
  assert finalists.verdict(STUDY, better) == (
    'What was found is better than the best of 3 random ones (p = 0.05, exact'
    ' permutation test over seeds).'
  )
  assert finalists.decision(STUDY, better) == 1
  worse = finals([0.4, 0.5, 0.6], [0.1, 0.2, 0.3])
  assert finalists.decision(STUDY, worse) == -1
  assert 'found is worse than the best of 3' in finalists.verdict(STUDY, worse)


def test_what_cannot_be_told_apart_is_said():
  mixed = finals([0.1, 0.5, 0.3], [0.4, 0.2, 0.6])
  text = finalists.verdict(STUDY, mixed)
  assert 'cannot be told apart (p = 0.35' in text
  assert finalists.decision(STUDY, mixed) == 0
  few = finalists.verdict(STUDY, finals([0.1, 0.2], [0.5, 0.6]))
  assert 'cannot be told apart' in few
  assert '2 and 2 seeds cannot give less than 0.17' in few
  assert 'not measured' in finalists.verdict(STUDY, finals())
  for nothing in (finals(), finals([0.1], [0.2], best=C)):
    assert finalists.decision(STUDY, nothing) is None


def test_unseen_images_decide_where_there_are_any():
  both = finals([0.1, 0.2, 0.3], [0.4, 0.5, 0.6], prefix='unseen_')
  flipped = [
    t._replace(scores={**t.scores, 'cross_entropy': -t.scores['cross_entropy']})
    for t in both.trials
  ]
  both = dataclasses.replace(both, trials=flipped)
  assert finalists.measure(STUDY, both) == 'unseen_cross_entropy'
  assert 'is better than' in finalists.verdict(STUDY, both)
  by_miou = dataclasses.replace(STUDY, objectives=('params', 'miou'))
  assert finalists.measure(by_miou, both) == 'unseen_miou'
  assert 'is better than' in finalists.verdict(by_miou, both)


def test_the_table_has_mean_spread_and_number():
  rows = finalists.lines(STUDY, finals([0.1, 0.3], [0.4], prefix='unseen_'))
  assert rows[1].split('  ')[-1] == 'seeds'
  assert 'cross-entropy, unseen' in rows[1]
  assert f'found, {C.digest}' in rows[2]
  assert '0.2000 +- 0.1414' in rows[2] and rows[2].endswith(' 2')
  assert f'best of 3 random ones, {B.digest}' in rows[3]
  assert '0.4000' in rows[3] and rows[3].endswith(' 1')


class Executor:
  """Scores at once; jobs are kept."""

  capacity = 2

  def __init__(self):
    self.jobs, self._running = [], []

  def submit(self, job):
    self._running.append(job)

  def wait(self, seconds):
    job = self._running.pop()
    self.jobs.append(job)
    job.folder.mkdir()
    scores = {'cross_entropy': 0.1 if job.genotype == C else 0.2}
    outcome.Outcome(job.key, scores).save(job.outcome)
    return [executor_lib.Ended(job)]

  def cancel(self):
    self._running = []


def phase(tmp_path, limits=NO_LIMIT, wanted=3):
  widths = width.Widths(
    cost.CostModel(SPACE, 11, (97, 97), True), 1e7, 'cell_macs'
  )
  ledger = tmp_path and ledger_lib.Ledger(tmp_path / 'f.db', STUDY.objectives)
  folder = tmp_path and tmp_path / 'finals'
  return finalists.Phase(STUDY, widths, limits, ledger, folder, wanted, seed=5)


def test_trainings_have_seeds_that_no_trial_had_and_are_done_once(tmp_path):
  executor, again = Executor(), phase(tmp_path)
  chosen = finalists.choose(STUDY, TRIALS, C)
  found = again.train(chosen, TRIALS, executor, seconds_before=50.0)
  assert found.scores(C, 'cross_entropy') == [0.1] * 3
  assert found.scores(B, 'cross_entropy') == [0.2] * 3
  assert {job.purpose for job in executor.jobs} == {job_lib.CONFIRM}
  assert {job.fidelity for job in executor.jobs} == {studies.FULL}
  seeds = {job.seed for job in executor.jobs}
  assert len(seeds) == 6
  assert not seeds & {driver_lib.seed_of(5, n) for n in range(1000)}
  assert again.train(chosen, TRIALS, executor, 50.0) == found
  assert len(executor.jobs) == 6


def test_another_winner_of_a_longer_study_is_trained_besides(tmp_path):
  executor, again = Executor(), phase(tmp_path, wanted=2)
  again.train(finalists.choose(STUDY, TRIALS, C), TRIALS, executor, 0.0)
  later = finalists.choose(STUDY, TRIALS, A)
  found = again.train(later, TRIALS, executor, 0.0)
  assert len(executor.jobs) == 6  # C and B twice, then A
  assert len(found.scores(A, 'cross_entropy')) == 2
  assert len(found.scores(B, 'cross_entropy')) == 2


@pytest.mark.parametrize(('budget', 'each'), [(200.0, 3), (40.0, 1)])
def test_the_budget_of_time_includes_these_trainings(
  tmp_path, monkeypatch, budget, each
):
  """6 s a trial, two at a time, by a clock that only trials move."""
  clock = driver_test.Clock()
  monkeypatch.setattr(driver_lib, 'time', clock)
  limits = driver_lib.Limits(None, budget, 2)
  again = phase(tmp_path, limits=limits)
  full = dataclasses.replace(STUDY, fidelities=(studies.FULL,))
  again = dataclasses.replace(again, study=full)
  search = driver_lib.Driver(
    studies.build('regularized_evolution', full),
    ledger_lib.Ledger(tmp_path / 'ledger.db', STUDY.objectives),
    driver_test.Slow(clock),
    again.widths,
    limits,
    5,
    tmp_path / 'trials',
    reserve=again.reserved,
  )
  search.run()
  trials = search.ledger.trials
  losing = max((t for t in trials if t.scores), key=full.loss).genotype
  chosen = finalists.choose(full, trials, losing)
  found = again.train(
    chosen, trials, driver_test.Slow(clock), search.ledger.seconds
  )
  assert len(found.scores(losing, 'cross_entropy')) == each
  assert len(found.scores(chosen.random, 'cross_entropy')) == each
  spent = search.ledger.seconds + again.ledger.seconds
  assert 0.9 * budget <= spent <= 1.1 * budget
