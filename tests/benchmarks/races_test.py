"""Studies in simulated seconds."""

import numpy as np
import pytest

from benchmarks import races
from deeplab_nas.search.trials import strategy
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


def test_qualities_are_those_of_the_trials_that_have_ended():
  class Newest(Listed):
    def best(self, trials):
      return [[t for t in trials if t.scores is not None][-1].genotype]

  times = [399, 400, 799, 800, 1000]
  found = races.qualities(TASK, Newest(FULL), times)
  trials = races.run(TASK, Newest(FULL), 1000)
  losses = [TASK.losses[-1](trial.genotype) for trial in trials]
  assert found == [np.inf, losses[0], losses[0], losses[1], losses[1]]
