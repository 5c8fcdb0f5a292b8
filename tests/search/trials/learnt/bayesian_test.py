"""Bayesian optimisation: what it improves on, and with which kernel."""

import numpy as np
import pytest

from benchmarks import landscapes
from deeplab_nas.config import strategies as config_strategies
from deeplab_nas.search.trials import strategy
from deeplab_nas.search.trials.learnt import bayesian
from tests.search.trials import studies

STUDY = strategy.Study(studies.MIDDLE, (studies.FULL,))


def search(study=STUDY, **settings):
  settings = {'num_initial': 5, 'pool_size': 8, **settings}
  return bayesian.Bayesian(study, config_strategies.BayesianConfig(**settings))


def trials_of(losses, genotypes):
  return [
    studies.trial(i, g, x) for i, (g, x) in enumerate(zip(genotypes, losses))
  ]


@pytest.mark.parametrize(
  'settings',
  [
    {'encoding': 'features'},
    {'encoding': 'paths'},
    {'kernel': 'esnac', 'num_kernels': 2, 'kernel_steps': 50},
  ],
)
def test_after_few_trials_proposals_are_better_than_random_ones(settings):
  """Random ones have mean 0 and standard deviation 1, of 15 a mean of +-.26."""
  found = []
  for seed in range(3):
    loss = landscapes.target(studies.MIDDLE, seed)
    genotypes = studies.genotypes(studies.MIDDLE, 25, seed)
    trials = trials_of(map(loss, genotypes), genotypes)
    chosen = search(**settings)
    found += [
      loss(chosen.propose(trials, np.random.default_rng(i)).genotype)
      for i in range(5)
    ]
  assert np.mean(found) < -1


def test_kernels_of_other_halves_ask_for_other_architectures():
  """They take turns with the number of trials, from the same scores."""
  loss = landscapes.target(studies.MIDDLE, 0)
  genotypes = studies.genotypes(studies.MIDDLE, 27)
  trials = trials_of(map(loss, genotypes[:24]), genotypes)
  trials += [studies.trial(24 + i, g) for i, g in enumerate(genotypes[24:])]
  chosen = search(kernel='esnac', num_kernels=3, kernel_steps=3)
  failed = [t._replace(failure='nan') for t in trials[24:]]
  asked = [
    chosen.propose([*trials[:24], *failed[:n]], np.random.default_rng(0))
    for n in range(3)
  ]
  assert len({proposal.genotype for proposal in asked}) == 3


def test_a_parent_is_one_of_the_best():
  loss = landscapes.target(studies.MIDDLE, 0)
  genotypes = studies.genotypes(studies.MIDDLE, 25)
  trials = trials_of(map(loss, genotypes), genotypes)
  chosen = search()
  parents = {
    chosen.propose(trials, np.random.default_rng(i)).parent for i in range(8)
  } - {None}
  ranked = sorted(trials, key=STUDY.loss)
  assert parents and parents <= {trial.number for trial in ranked[:10]}


def test_how_far_a_trial_went_astray_does_not_matter():
  """Once it is far above the others, nothing else depends on it."""
  loss = landscapes.target(studies.MIDDLE, 0)
  genotypes = studies.genotypes(studies.MIDDLE, 25)
  far, farther = (
    [
      search().propose(
        trials_of([astray, *map(loss, genotypes[1:])], genotypes),
        np.random.default_rng(i),
      )
      for i in range(4)
    ]
    for astray in (50.0, 1e6)
  )
  assert far == farther


def test_of_two_objectives_both_ends_are_asked_for():
  """One wants fine strides, the other one coarse ones."""
  study = strategy.Study(studies.MIDDLE, (studies.FULL,), ('miou', 'macs'))
  trials = [
    strategy.Trial(
      i,
      strategy.Proposal(genotype, studies.FULL),
      i,
      {'miou': np.mean(genotype.path), 'macs': np.mean(genotype.path)},
      1.0,
    )
    for i, genotype in enumerate(studies.genotypes(studies.MIDDLE, 20))
  ]
  chosen = search(study)
  levels = [
    np.mean(chosen.propose(trials, np.random.default_rng(i)).genotype.path)
    for i in range(12)
  ]
  seen = sorted(np.mean(trial.genotype.path) for trial in trials)
  assert min(levels) <= seen[4] and max(levels) >= seen[-5]


def test_of_several_objectives_one_that_went_astray_hides_no_other():
  """It is far from all in one objective, of which the others still count."""
  rng = np.random.default_rng(0)
  losses = rng.normal(size=(12, 2))
  study = strategy.Study(studies.MIDDLE, (studies.FULL,), ('a', 'b'))
  genotypes = studies.genotypes(studies.MIDDLE, 13)

  def proposals(last):
    trials = [
      studies.trial(i, g, 0.0)._replace(scores={'a': a, 'b': b})
      for i, (g, (a, b)) in enumerate(zip(genotypes, [*losses, last]))
    ]
    return [
      search(study).propose(trials, np.random.default_rng(i)).genotype
      for i in range(6)
    ]

  # However far it is, it counts as one at the end of the scores.
  assert proposals((40.0, 0.0)) == proposals((4000.0, 0.0))
