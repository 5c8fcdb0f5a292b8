"""Candidates are scored, then the best of them are trained."""

import numpy as np
import pytest

from benchmarks import landscapes, races
from deeplab_nas import errors
from deeplab_nas.config import config as config_lib
from deeplab_nas.config import strategies as config_strategies
from deeplab_nas.search.trials import random, strategy
from deeplab_nas.search.trials.learnt import graph_hypernetwork
from tests.search.trials import studies

SCORED = strategy.Fidelity(10, evaluator=strategy.HYPERNETWORK)
NAME = 'graph_hypernetwork'
STUDY = strategy.Study(studies.MIDDLE, (SCORED, studies.FULL))


def search(study=STUDY, **settings):
  settings = {'num_candidates': 6, 'num_random': 2, **settings}
  made = config_strategies.GraphHypernetworkConfig(**settings)
  return graph_hypernetwork.GraphHypernetwork(study, made)


def history_of(count, scores=None, study=STUDY, **settings):
  """Each trial's score is a function of its number."""
  chosen, trials = search(study, **settings), []
  for number in range(count):
    proposal = chosen.propose(trials, np.random.default_rng(number))
    trial = strategy.Trial(number, proposal, number)
    if not scores or scores(number) is not None:
      values = scores(number) if scores else {'cross_entropy': -number % 4}
      trial = trial._replace(scores=values)
    trials.append(trial)
  return trials


def test_first_candidates_then_random_ones_then_the_best():
  scores = {n: {'cross_entropy': x} for n, x in enumerate([5, 3, 1, 4, 0, 2])}
  trials = history_of(12, lambda n: scores.get(n, {'cross_entropy': 9}))
  assert [t.fidelity for t in trials] == [SCORED] * 6 + [studies.FULL] * 6
  assert [t.proposal.is_random for t in trials] == [True] * 8 + [False] * 4
  drawn = [t.genotype for t in trials[:6]]
  assert len(set(drawn)) == 6
  trained = [drawn.index(t.genotype) for t in trials[6:]]
  assert trained == [0, 1, 4, 2, 5, 3]


def test_what_failed_or_is_pending_is_not_chosen_by_a_score():
  trials = history_of(
    10, lambda n: {'cross_entropy': 9 - n} if n in (0, 2, 4) else None
  )
  trained = [t.genotype for t in trials[8:]]
  assert trained == [trials[i].genotype for i in (4, 2)]


def test_of_two_objectives_a_front_goes_first():
  study = strategy.Study(
    studies.MIDDLE, (SCORED, studies.FULL), ('cross_entropy', 'macs')
  )
  values = [(1, 9), (2, 2), (3, 3), (4, 1), (5, 5), (0, 10)]
  trials = history_of(
    10,
    lambda n: dict(zip(study.objectives, values[n] if n < 6 else (7, 7))),
    study,
    num_random=0,
  )
  drawn = [t.genotype for t in trials[:6]]
  # (0, 10), (1, 9), (2, 2), (4, 1) are the front; then (3, 3).
  trained = [drawn.index(t.genotype) for t in trials[6:]]
  assert trained == [5, 0, 1, 3]


def test_a_study_has_the_fidelities_of_hypernetwork_and_full_trial():
  config = config_lib.Config()
  found = graph_hypernetwork.GraphHypernetwork.fidelities(
    config.search, config_strategies.GraphHypernetworkConfig(steps=77)
  )
  assert found == (
    strategy.Fidelity(77, evaluator='hypernetwork'),
    strategy.Fidelity(config.search.trial_steps[-1]),
  )


def test_a_score_of_trainings_alone_cannot_decide():
  config = config_lib.Config.from_dict(
    {'search': {'strategy': NAME, 'objectives': ['macs', 'loss_sum']}}
  )
  with pytest.raises(errors.UserError, match='take cross_entropy or miou'):
    graph_hypernetwork.GraphHypernetwork.fidelities(
      config.search, config.graph_hypernetwork
    )


def quality(correlation, kind, seed):
  """What twelve full trials find, six of them chosen from 60 candidates."""
  full = landscapes.KINDS[kind](studies.MIDDLE, seed)
  other = landscapes.KINDS[kind](studies.MIDDLE, seed + 500)
  scored = landscapes.blend(full, other, correlation)
  task = races.Task(STUDY, [scored, full])
  chosen = search(num_candidates=60, num_random=4)
  trials = races.run(task, chosen, 60 * 10 + 12 * 400, seed)
  assert sum(t.fidelity.is_trained for t in trials) == 12
  return task.quality(chosen, trials)


def at_random(kind, seed):
  task = studies.task(studies.MIDDLE, kind, seed)
  chosen = random.Random(task.study, None)
  trials = races.run(task, chosen, 12 * 400, seed)
  return task.quality(chosen, trials)


def test_with_scores_that_rank_it_is_better_than_random():
  """At as many full trials; landscapes correlate with the scores by .7."""
  cases = [(kind, seed) for kind in landscapes.KINDS for seed in range(5)]
  ours = [quality(0.7, *case) for case in cases]
  theirs = [at_random(*case) for case in cases]
  rng = np.random.default_rng(0)
  assert races.permutation_p(ours, theirs, rng) < 0.05


def test_the_summary_says_how_the_scores_rank():
  trials = history_of(3)
  (remark,) = search().remarks(trials)
  assert remark.startswith('How well scores of the hypernetwork rank full')
  trials = [
    studies.trial(i, genotype, 0.1 * i + 0.01 * (i % 3), fidelity)
    for fidelity in (SCORED, studies.FULL)
    for i, genotype in enumerate(studies.genotypes(studies.MIDDLE, 12))
  ]
  (remark,) = search().remarks(trials)
  assert 'Scores of the hypernetwork rank full trials by a correl' in remark
