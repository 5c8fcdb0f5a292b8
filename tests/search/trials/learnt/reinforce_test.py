"""Updates of the controller by what its children score."""

import numpy as np
import pytest

from benchmarks import landscapes, races
from deeplab_nas.config import strategies as config_strategies
from deeplab_nas.search.trials import strategy
from deeplab_nas.search.trials.learnt import reinforce
from tests.search.trials import studies

STUDY = strategy.Study(studies.MIDDLE, (studies.FULL,))


def search(**settings):
  return reinforce.Reinforce(
    STUDY, config_strategies.ReinforceConfig(**settings)
  )


@pytest.mark.parametrize('advantage', [-1.5, 0.8])
@pytest.mark.parametrize('ratio', [0.5, 0.81, 1.0, 1.19, 1.5])
def test_a_slope_is_that_of_ppos_objective(advantage, ratio):
  def objective(log_ratio):
    r = np.exp(log_ratio)
    return min(r * advantage, np.clip(r, 0.8, 1.2) * advantage)

  at, by = np.log(ratio), 1e-6
  expected = (objective(at + by) - objective(at - by)) / (2 * by)
  found = reinforce.clipped(np.array([advantage]), np.array([ratio]))
  assert found == pytest.approx([expected], abs=1e-6)


@pytest.mark.parametrize('update', ['reinforce', 'ppo'])
def test_children_become_better(update):
  """The last of 60 than the first, by as much as chance hardly gives."""
  gains = []
  for seed in range(2):
    loss = landscapes.target(studies.MIDDLE, seed)
    task = races.Task(STUDY, [loss])
    trials = races.run(task, search(update=update), 400 * 60, seed)
    losses = [STUDY.loss(trial) for trial in trials]
    gains.append(np.mean(losses[:15]) - np.mean(losses[-15:]))
  # Of random children it has mean 0 and standard deviation .26.
  assert np.mean(gains) > 0.8


def test_a_failure_teaches_what_the_worst_score_does():
  genotypes = studies.genotypes(studies.MIDDLE, 12)
  scored = [studies.trial(i, g, float(i % 5)) for i, g in enumerate(genotypes)]
  worst = [*scored[:9], studies.trial(9, genotypes[9], 4.0), *scored[10:]]
  failed = [*scored[:9], studies.trial(9, genotypes[9], failure='nan')]
  failed += scored[10:]
  for seed in range(6):
    rng, same = (np.random.default_rng(seed) for _ in range(2))
    assert search().propose(worst, rng) == search().propose(failed, same)


def test_one_that_went_astray_leaves_the_others_apart():
  genotypes = studies.genotypes(studies.MIDDLE, 12)
  rows = [
    [studies.trial(i, g, float(i % 5)) for i, g in enumerate(genotypes[:11])]
    + [studies.trial(11, genotypes[11], last)]
    for last in (14.0, 4000.0)
  ]
  for seed in range(6):
    found = [search().propose(r, np.random.default_rng(seed)) for r in rows]
    assert found[0] == found[1]


def test_a_batch_teaches_once_all_of_it_has_ended():
  genotypes = studies.genotypes(studies.MIDDLE, 8)
  ended = [studies.trial(i, g, float(i)) for i, g in enumerate(genotypes)]
  pending = [*ended[:7], studies.trial(7, genotypes[7])]
  other = [*ended[:4], *(t._replace(scores=None) for t in ended[4:])]
  proposals = [
    [search().propose(rows, np.random.default_rng(i)) for i in range(6)]
    for rows in (ended, pending, other)
  ]
  assert proposals[1] == proposals[2] != proposals[0]


def test_the_first_batch_is_drawn_by_chance_alone():
  task = races.Task(STUDY, [landscapes.target(studies.MIDDLE, 0)])
  trials = races.run(task, search(num_children=5), 400 * 8)
  assert [t.proposal.is_random for t in trials] == [True] * 5 + [False] * 3
