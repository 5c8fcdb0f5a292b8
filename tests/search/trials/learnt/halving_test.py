"""Halving: what is tried first, what goes up, and when it is given up."""

import numpy as np
import pytest

from benchmarks import landscapes, races
from deeplab_nas.config import strategies as config_strategies
from deeplab_nas.search.trials import strategy
from deeplab_nas.search.trials.learnt import halving
from deeplab_nas.space import zoo
from tests.search.trials import studies

SHORT, MEDIUM, FULL = studies.FIDELITIES


def task(correlation, seed=0, noise=0.5, space=studies.MIDDLE):
  """Short trials that see another landscape, too."""
  full = landscapes.KINDS[['target', 'rugged', 'trend'][seed % 3]](space, seed)
  other = landscapes.target(space, 1000 + seed)
  losses = [
    landscapes.blend(full, other, correlation**power) for power in (1, 0.5)
  ]
  study = strategy.Study(space, studies.FIDELITIES)
  return races.Task(study, [*losses, full], noise, overhead=60)


def search(of, **settings):
  return halving.Halving(of.study, config_strategies.HalvingConfig(**settings))


def test_a_third_goes_on_and_of_those_a_third():
  of = task(0.8)
  trials = races.run(of, search(of, reduction=3.0, trust=-1.0), 22 * 460)
  counts = [sum(t.fidelity == f for t in trials) for f in studies.FIDELITIES]
  assert counts[2] >= 3
  for below, above in zip(counts, counts[1:]):
    assert above in (below // 3, below // 3 - 1)  # the last ones are due
  for trial in trials:
    if trial.fidelity != SHORT:
      below = studies.FIDELITIES.index(trial.fidelity) - 1
      before = trials[trial.proposal.parent]
      assert before.genotype == trial.genotype
      assert before.fidelity == studies.FIDELITIES[below]


def test_the_zoo_is_a_candidate_and_not_the_beginning():
  space, hidden = studies.PAPER, zoo.load('stacked_hourglass')
  of = strategy.Study(space, [FULL])
  asked = halving.Halving(of, config_strategies.HalvingConfig(num_initial=4))
  rng = np.random.default_rng(0)
  near = hidden
  history = []
  for steps in range(8):
    near = space.mutate(near, rng)
    history += [(near, 1.0 + steps), (space.random(rng), 30.0 + steps)]
  trials = [
    studies.trial(i, genotype, loss, FULL)
    for i, (genotype, loss) in enumerate(history)
  ]
  named = [zoo.load(name) for name in zoo.names()]
  first = [asked.propose(trials[:i], rng).genotype for i in range(4)]
  assert not set(first) & set(named)
  assert asked.propose(trials, rng).genotype == hidden


@pytest.mark.parametrize('workers', [1, 2])
def test_the_first_architectures_get_a_trial_of_each_length(workers):
  of = task(0.8)
  limit = 5 * (160 + 260 + 460) / workers
  trials = races.run(of, search(of, num_initial=5), limit, workers=workers)
  tried = [
    [trial.genotype for trial in trials[5 * i : 5 * i + 5]] for i in range(3)
  ]
  assert tried[0] == tried[1] == tried[2] and len(set(tried[0])) == 5
  for i, trial in enumerate(trials[:15]):
    assert trial.fidelity == studies.FIDELITIES[i // 5]
    assert trial.proposal.is_random == (i < 5)
    assert trial.proposal.parent == (None if i < 5 else i % 5)


def test_of_what_failed_in_a_short_trial_no_longer_one_is_asked():
  of = task(0.8)
  asked = search(of, num_initial=3)
  trials = [
    studies.trial(i, genotype, 1.0 + i, SHORT)
    for i, genotype in enumerate(studies.genotypes(studies.MIDDLE, 3))
  ]
  trials[0] = trials[0]._replace(scores=None, failure='nan')
  proposal = asked.propose(trials, np.random.default_rng(0))
  assert proposal[:3] == (trials[1].genotype, MEDIUM, 1)


def test_for_what_failed_no_later_one_is_compared():
  """Only the first ones, whatever comes of them, get a trial of each length."""
  of = task(0.8)
  asked = search(of, num_initial=2)
  genotypes = studies.genotypes(studies.MIDDLE, 3)
  trials = [
    studies.trial(i, g, 1.0 + i, SHORT) for i, g in enumerate(genotypes)
  ]
  trials[0] = trials[0]._replace(scores=None, failure='nan')
  trials += [
    studies.trial(3 + i, genotypes[1], 1.0, fidelity)
    for i, fidelity in enumerate((MEDIUM, FULL))
  ]
  proposal = asked.propose(trials, np.random.default_rng(0))
  assert proposal.genotype not in genotypes


def with_correlation(correlation, count=9, medium=1.0):
  """A history in which short trials have this correlation with full ones.

  Those of the medium length have `medium` of the short ones, the rest of full.
  """
  rng = np.random.default_rng(0)
  x, y = rng.normal(size=(2, count))
  x = (x - x.mean()) / x.std()
  y -= np.polyval(np.polyfit(x, y, 1), x)
  y = correlation * x + np.sqrt(1 - correlation**2) * y / y.std()
  genotypes = studies.genotypes(studies.MIDDLE, 3 * count)
  trials = []
  for i, genotype in enumerate(genotypes):
    pairs = [(SHORT, x[i % count])]
    if i < count:
      between = medium * x[i] + (1 - medium) * y[i]
      pairs += [(MEDIUM, between), (FULL, y[i])]
    for fidelity, loss in pairs:
      trials.append(studies.trial(len(trials), genotype, loss, fidelity))
  return trials


@pytest.mark.parametrize(
  ('correlation', 'fidelity'), [(0.0, FULL), (0.8, SHORT)]
)
def test_short_trials_that_say_too_little_are_given_up(correlation, fidelity):
  of = task(0.8)
  trials = with_correlation(correlation)
  proposal = search(of).propose(trials, np.random.default_rng(0))
  assert proposal.fidelity == fidelity
  remark = search(of).remarks(trials)[0]
  assert ('too low to trust' in remark) == (fidelity == FULL)


def test_new_ones_start_at_the_shortest_trials_that_can_be_trusted():
  of = task(0.8)
  for medium, fidelity in ((0.0, MEDIUM), (1.0, FULL)):
    trials = with_correlation(0.0, medium=medium)
    proposal = search(of).propose(trials, np.random.default_rng(0))
    assert proposal.fidelity == fidelity


def test_the_best_is_no_lucky_one():
  """Of two full trials of equal losses, the one whose short ones were good."""
  of = task(0.8)
  genotypes = studies.genotypes(studies.MIDDLE, 12)
  trials = [
    studies.trial(i, genotype, i / 10, SHORT)
    for i, genotype in enumerate(genotypes)
  ]
  trials += [
    studies.trial(12, genotypes[0], 0.5, FULL),
    studies.trial(13, genotypes[11], 0.5, FULL),
  ]
  assert search(of).best(trials) == [genotypes[0]]


def test_one_fidelity_is_searched_by_the_model_alone():
  study = strategy.Study(studies.MIDDLE, (FULL,))
  loss = landscapes.target(studies.MIDDLE, 5)
  alone = halving.Halving(study, config_strategies.HalvingConfig())
  trials = races.run(races.Task(study, [loss]), alone, 400 * 20)
  assert {trial.fidelity for trial in trials} == {FULL}
  assert not alone.remarks(trials)
