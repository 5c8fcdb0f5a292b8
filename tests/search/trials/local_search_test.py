"""Climbs: where they start, how they move, when they end."""

import numpy as np

from benchmarks import races
from deeplab_nas.search.trials import neighbours
from tests.search.trials import studies


def climb(task, count, workers=1):
  search = studies.build('local_search', task.study)
  return races.run(task, search, 400 * count / workers, workers=workers)


def test_each_trial_is_a_neighbour_of_the_best_one_of_its_climb():
  task = studies.task(studies.MIDDLE, 'rugged', seed=1)
  trials, best = climb(task, 40), None
  for trial in trials[:4]:
    assert trial.proposal.parent is None
    best = min(best or trial, trial, key=task.study.loss)
  for trial in trials[4:]:
    if trial.proposal.parent is None:
      break  # a minimum was reached
    assert trial.proposal.parent == best.number
    around = neighbours.neighbours(studies.MIDDLE, best.genotype)
    assert trial.genotype in around
    best = min(best, trial, key=task.study.loss)
  assert trial.number > 12


def test_where_all_neighbours_were_tried_a_new_climb_starts():
  task = studies.task(studies.TINY, seed=2)
  trials = climb(task, 45)
  loss, starts = task.study.loss, []
  for trial in trials[4:]:
    is_start = trial.proposal.parent is None
    if is_start and trials[trial.number - 1].proposal.parent is not None:
      starts.append(trial.number)
  assert starts
  before = trials[: starts[0]]
  minimum = min(before, key=loss)
  around = neighbours.neighbours(studies.TINY, minimum.genotype)
  assert set(around) <= {trial.genotype for trial in before}
  # The random ones of the second climb, and its first step from their best.
  second = trials[starts[0] :][:5]
  assert [t.proposal.parent for t in second[:4]] == 4 * [None]
  assert second[4].proposal.parent == min(second[:4], key=loss).number


def test_while_the_last_neighbours_are_pending_the_next_best_is_left():
  task = studies.task(studies.TINY, seed=2)
  search = studies.build('local_search', task.study)
  everything = sorted(neighbours.every(studies.TINY), key=task.losses[0])
  minimum, second = everything[0], everything[1]
  around = neighbours.neighbours(studies.TINY, minimum)
  trials = [
    studies.trial(i, genotype, task.losses[0](genotype))
    for i, genotype in enumerate([minimum, second, *everything[-2:]])
  ]
  untried = [g for g in around if g not in {t.genotype for t in trials}]
  for number, genotype in enumerate(untried, start=4):
    trials.append(studies.trial(number, genotype, parent=0))
  proposal = search.propose(trials, np.random.default_rng(0))
  assert proposal.parent == 1
  assert proposal.genotype in neighbours.neighbours(studies.TINY, second)


def test_without_noise_the_optimum_of_a_small_space_is_found():
  task = studies.task(studies.TINY, 'target', seed=4)
  search = studies.build('local_search', task.study)
  trials = climb(task, 30)
  everything = neighbours.every(studies.TINY)
  assert search.best(trials) == [min(everything, key=task.losses[0])]
