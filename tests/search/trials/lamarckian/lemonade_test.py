"""Parents and children of the front, where it is thin."""

import collections
import dataclasses

import numpy as np
import pytest
from scipy import stats

from deeplab_nas.config import strategies as config_strategies
from deeplab_nas.search.trials import neighbours, strategy
from deeplab_nas.search.trials.lamarckian import lemonade
from tests.search.trials import studies


def costs(genotype):
  """Two that differ widely between architectures."""
  number = int(genotype.digest[:4], 16)
  return {'params': 10.0 ** (number % 5), 'latency_ms': 1.0 + number % 7}


STUDY = strategy.Study(
  studies.MIDDLE,
  (studies.FULL,),
  ('cross_entropy', 'params', 'latency_ms'),
  costs=costs,
)


def history(num_trials, study=STUDY):
  genotypes = studies.genotypes(studies.MIDDLE, num_trials, seed=3)
  rng = np.random.default_rng(0)
  return [
    studies.trial(number, genotype, 0.0)._replace(
      scores={'cross_entropy': rng.random(), **costs(genotype)}
    )
    for number, genotype in enumerate(genotypes)
  ]


def front(trials):
  """Numbers, by comparing all with all."""
  rows = [STUDY.losses(t) for t in trials]
  return [
    i
    for i, a in enumerate(rows)
    if not any(all(y <= x for x, y in zip(a, b)) and a != b for b in rows)
  ]


def make(study=STUDY, **values):
  values = {'num_initial': 6, **values}
  return lemonade.Lemonade(study, config_strategies.LemonadeConfig(**values))


def test_children_are_neighbours_of_the_front_and_inherit():
  trials = history(30)
  on_front = front(trials)
  assert 1 < len(on_front) < 25
  for seed in range(40):
    proposal = make().propose(trials, np.random.default_rng(seed))
    assert proposal.inherits and not proposal.is_random
    assert proposal.parent in on_front
    parent = trials[proposal.parent].genotype
    around = neighbours.neighbours(studies.MIDDLE, parent)
    assert proposal.genotype in around


def test_a_parent_is_drawn_by_the_inverse_of_the_density():
  """One child each, so that acceptance changes nothing; SciPy's densities."""
  trials = history(12)
  on_front = front(trials)
  points = np.log1p(
    [
      [costs(trials[i].genotype)[n] for n in STUDY.objectives[1:]]
      for i in on_front
    ]
  )
  density = [
    np.mean(stats.multivariate_normal.pdf(points, at, 0.5**2 * np.eye(2)))
    for at in points
  ]
  expected = 1 / np.array(density)
  expected /= expected.sum()
  assert expected.max() > 1.5 * expected.min()
  search = make(num_children=1, bandwidth=0.5)
  rng = np.random.default_rng(0)
  drawn = collections.Counter(
    search.propose(trials, rng).parent for _ in range(600)
  )
  counts = [drawn[number] for number in on_front]
  assert sum(counts) == 600
  assert stats.chisquare(counts, 600 * expected).pvalue > 1e-3


def test_of_children_those_of_rare_costs_are_accepted():
  """The front is all cheap; dearer children are rare."""
  cheap = [
    g for g in studies.genotypes(studies.MIDDLE, 60) if costs(g)['params'] == 1
  ]
  trials = [
    studies.trial(n, g, 0.5)._replace(
      scores={'cross_entropy': 1 - n / 10, **costs(g), 'latency_ms': 1 + n}
    )
    for n, g in enumerate(cheap[:8])
  ]
  shares = []
  for count in (1, 12):
    found = [
      make(num_children=count).propose(trials, np.random.default_rng(seed))
      for seed in range(60)
    ]
    shares.append(np.mean([costs(p.genotype)['params'] > 1 for p in found]))
  assert shares[0] < 0.95 and shares[1] > shares[0]


def test_without_costs_among_the_objectives_all_is_uniform():
  one = strategy.Study(studies.MIDDLE, (studies.FULL,), costs=costs)
  trials = history(12)
  best = min(trials, key=one.loss)
  for seed in range(5):
    proposal = make(one).propose(trials, np.random.default_rng(seed))
    assert proposal.parent == best.number


def test_a_child_of_unknown_costs_is_the_last_choice():
  trials = history(12)
  around = {
    g for t in trials for g in neighbours.neighbours(studies.MIDDLE, t.genotype)
  } - {t.genotype for t in trials}

  def of_some(genotype):
    found = costs(genotype)
    if genotype in around and int(genotype.digest, 16) % 4:
      del found['latency_ms']  # of three neighbours in four
    return found

  study = dataclasses.replace(STUDY, costs=of_some)
  proposals = [
    make(study, num_children=12).propose(trials, np.random.default_rng(seed))
    for seed in range(20)
  ]
  known = ['latency_ms' in of_some(p.genotype) for p in proposals]
  assert np.mean(known) > 0.8
  none = dataclasses.replace(
    STUDY, costs=lambda g: {} if g in around else costs(g)
  )
  proposal = make(none).propose(trials, np.random.default_rng(0))
  assert proposal.genotype in around


def test_a_trial_that_left_the_front_is_never_a_parent_again():
  trials = history(40)
  search = make()
  assert search.possible_parents([]) == set()
  seen, gone = set(), set()
  for count in range(1, 41):
    now = search.possible_parents(trials[:count])
    assert now == set(front(trials[:count]))
    gone |= seen - now
    seen |= now
    assert not gone & now
  assert gone


@pytest.mark.parametrize('name', studies.STRATEGIES)
def test_no_other_strategy_keeps_weights(name):
  search = studies.build(name, STUDY)
  assert search.inherits == (name == 'lemonade')
  assert bool(search.possible_parents(history(3))) == search.inherits
