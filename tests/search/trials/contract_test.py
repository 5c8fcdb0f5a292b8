"""What every strategy that trains networks promises."""

import itertools

import numpy as np
import pytest

from benchmarks import races
from deeplab_nas import errors
from deeplab_nas.search import strategies
from deeplab_nas.search.trials import neighbours, strategy
from deeplab_nas.space import lattice
from tests.search.trials import studies

every = pytest.mark.parametrize('name', studies.STRATEGIES)


def is_rare(genotype):
  """A budget that one architecture in four or so keeps."""
  return int(genotype.digest, 16) % 4 == 0


def race(name, task, seconds, seed=0, workers=1):
  """The trials, and the history that each was proposed from."""
  seen = []

  class Watched:
    search = studies.build(name, task.study)

    def propose(self, trials, rng):
      seen.append(list(trials))
      return self.search.propose(trials, rng)

  return races.run(task, Watched(), seconds, seed, workers), seen


@every
@pytest.mark.parametrize('space', [studies.MIDDLE, studies.PAPER])
def test_proposals_are_of_the_space_and_within_the_budget(name, space):
  task = studies.task(
    space, fidelities=studies.FIDELITIES, is_within=is_rare, seed=5
  )
  trials, _ = race(name, task, 7 * 400, workers=2)
  assert len(trials) >= 14
  for trial in trials:
    assert trial.genotype in space and is_rare(trial.genotype)
    assert trial.fidelity in studies.FIDELITIES
    parent = trial.proposal.parent
    assert parent is None or 0 <= parent < trial.number
  assert any(trial.fidelity == studies.FULL for trial in trials)


@every
def test_what_chance_alone_chose_has_the_same_whatever_the_scores(name):
  """Strategies mark it, for it is the baseline; halving's zoo is none."""
  first, other = (
    [
      t.proposal
      for t in race(name, studies.task(studies.MIDDLE, seed=s), 12 * 400)[0]
    ]
    for s in (1, 2)
  )
  num_random = (
    [p.is_random for p in first].index(False) if name != 'random' else 12
  )
  assert num_random >= 4
  assert first[:num_random] == other[:num_random]
  assert not any(p.is_random and p.parent is not None for p in first)


@every
def test_equal_seeds_give_equal_searches_and_others_do_not(name):
  task = studies.task(studies.MIDDLE)
  first, again, other = (
    [t.proposal for t in race(name, task, 25 * 400, seed)[0]]
    for seed in (3, 3, 4)
  )
  assert first == again
  assert len(set(first) & set(other)) < len(first) / 2


@every
def test_a_search_that_was_killed_goes_on_as_if_it_never_was(name):
  task = studies.task(studies.MIDDLE, fidelities=studies.FIDELITIES)
  trials, histories = race(name, task, 5 * 400, seed=2, workers=3)
  assert any(trial.is_pending for trial in histories[-1])
  for trial, seen in zip(trials, histories):
    rng = np.random.default_rng([2, trial.number])
    resumed = studies.build(name, task.study)
    assert resumed.propose(seen, rng) == trial.proposal


@every
def test_what_a_strategy_has_seen_leaves_no_trace(name):
  """It may be asked about any history, in any order."""
  task = studies.task(studies.MIDDLE)
  trials, _ = race(name, task, 20 * 400)
  search = studies.build(name, task.study)
  lengths = (20, 0, 7, 20, 12, 13, 7)
  asked = [
    search.propose(trials[:n], np.random.default_rng(n)) for n in lengths
  ]
  alone = [
    studies.build(name, task.study).propose(
      trials[:n], np.random.default_rng(n)
    )
    for n in lengths
  ]
  assert asked == alone


@every
def test_proposals_do_not_wait_for_pending_trials(name):
  study = studies.task(studies.MIDDLE, fidelities=studies.FIDELITIES).study
  search, trials = studies.build(name, study), []
  for number in range(20):
    proposal = search.propose(trials, np.random.default_rng(number))
    trials.append(strategy.Trial(number, proposal, number))
  assert len({trial.proposal for trial in trials}) == 20
  assert not search.best(trials)


@every
@pytest.mark.parametrize('share', [2, 1])
def test_failed_trials_do_not_end_a_search(name, share):
  """Every second one fails, or all do."""
  task = studies.task(studies.MIDDLE, fidelities=studies.FIDELITIES)
  search, trials = studies.build(name, task.study), []
  for number in range(24):
    proposal = search.propose(trials, np.random.default_rng(number))
    trial = strategy.Trial(number, proposal, number)
    if number % share:
      trial = races.finished(task, trial)
    else:
      trial = trial._replace(failure='out of memory', seconds=1.0)
    trials.append(trial)
  assert len({trial.proposal[:2] for trial in trials}) == 24
  assert bool(search.best(trials)) == (share > 1)


@every
@pytest.mark.parametrize('loss', [float('nan'), float('inf')])
def test_scores_that_are_no_numbers_are_as_failures(name, loss):
  study = studies.task(studies.MIDDLE).study
  search, trials = studies.build(name, study), []
  for number in range(16):
    proposal = search.propose(trials, np.random.default_rng(number))
    value = loss if number % 2 else 100.0 + number
    trials.append(studies.trial(number, proposal.genotype, value))
  # So much better than the others that no model takes it for luck.
  trials[0] = studies.trial(0, trials[0].genotype, 0.0)
  assert search.best(trials) == [trials[0].genotype]


@every
def test_no_architecture_is_tried_twice_while_others_are_left(name):
  task = studies.task(studies.TINY)
  everything = set(neighbours.every(studies.TINY))
  trials, _ = race(name, task, 400 * (len(everything) + 5))
  assert len(trials) == len(everything) + 5
  assert {t.genotype for t in trials[:-5]} == everything


@every
def test_within_a_narrow_budget_nothing_is_tried_twice_either(name):
  within = studies.genotypes(studies.TINY, 7, seed=1)
  task = studies.task(studies.TINY, is_within=lambda g: g in within)
  trials, _ = race(name, task, 400 * 9, workers=2)
  assert {t.genotype for t in trials[:7]} == set(within)
  assert len(trials) >= 9


@every
def test_where_few_are_within_the_budget_they_are_trained_in_full(name):
  """Fewer than those that strategies begin with, by default too."""
  within = studies.genotypes(studies.TINY, 3, seed=1)
  task = studies.task(
    studies.TINY,
    fidelities=(studies.FIDELITIES[0], studies.FULL),
    is_within=lambda g: g in within,
  )
  cls, settings = studies.STRATEGIES[name]
  for search in (cls(task.study, settings), cls(task.study, type(settings)())):
    trials = races.run(task, search, 400 * 12)
    full = [t.genotype for t in trials if t.fidelity == studies.FULL]
    assert set(full) == set(within)


@every
def test_a_budget_that_nothing_keeps_is_refused_in_a_sentence(name):
  study = studies.task(studies.TINY, is_within=lambda genotype: False).study
  with pytest.raises(errors.UserError, match='is within the budget: allow'):
    studies.build(name, study).propose([], np.random.default_rng(0))


@every
def test_a_space_of_one_architecture_is_searched_too(name):
  cell = studies.TINY.cell
  one = type(studies.TINY)(
    type(cell)(1, cell.primitives[:1]), lattice.Lattice(2, (4,))
  )
  trials, _ = race(name, studies.task(one, 'trend'), 3 * 400)
  assert len({trial.genotype for trial in trials}) == 1


@every
def test_the_best_is_the_one_of_the_least_loss_at_the_longest_fidelity(name):
  study = strategy.Study(studies.MIDDLE, studies.FIDELITIES)
  search = studies.build(name, study)
  assert not search.best([])
  a, b, c = studies.genotypes(studies.MIDDLE, 3)
  short = studies.trial(0, a, 0.1, studies.FIDELITIES[0])
  assert list(search.best([short])) == [a]
  full = [studies.trial(1, b, 0.5), studies.trial(2, c, 0.4)]
  assert list(search.best([short, *full])) == [c]
  failed = studies.trial(3, a, failure='nan')
  assert list(search.best([short, *full, failed])) == [c]


def test_every_strategy_of_the_registry_keeps_this_contract():
  known = {
    name: strategies.load(name)
    for name, entry in strategies.STRATEGIES.items()
    if entry.family == 'trials'
  }
  assert known == {name: cls for name, (cls, _) in studies.STRATEGIES.items()}


@every
def test_remarks_are_sentences_of_any_history(name):
  task = studies.task(studies.MIDDLE, fidelities=studies.FIDELITIES)
  trials, _ = race(name, task, 12 * 400)
  search = studies.build(name, task.study)
  for count in (0, 1, len(trials)):
    for remark in search.remarks(trials[:count]):
      assert remark.endswith('.') and '\n' not in remark


@every
def test_of_two_objectives_the_best_are_the_pareto_front(name):
  task = studies.task(
    studies.MIDDLE, objectives=('cross_entropy', 'latency_ms')
  )
  search, trials = studies.build(name, task.study), []
  for number in range(16):
    proposal = search.propose(trials, np.random.default_rng(number))
    loss = task.losses[0](proposal.genotype)
    scores = {'cross_entropy': loss, 'latency_ms': number % 5 - loss}
    trials.append(strategy.Trial(number, proposal, number, scores, 1.0))
  losses = {t.genotype: task.study.losses(t) for t in trials}
  front = [
    genotype
    for genotype, a in losses.items()
    if not any(
      all(y <= x for x, y in zip(a, b)) and a != b for b in losses.values()
    )
  ]
  assert list(search.best(trials)) == sorted(front, key=losses.get)
  assert len(front) > 1


@every
def test_of_an_objective_of_which_more_is_better_the_most_is_best(name):
  study = studies.task(studies.MIDDLE, objectives=('miou',)).study
  search, trials = studies.build(name, study), []
  for number, score in zip(range(16), itertools.cycle([0.3, 0.7, 0.5])):
    proposal = search.propose(trials, np.random.default_rng(number))
    trial = strategy.Trial(number, proposal, number, {'miou': score}, 1.0)
    trials.append(trial._replace(scores={'miou': score + 0.01 * number}))
  assert search.best(trials) == [trials[13].genotype]
