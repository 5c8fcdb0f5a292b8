"""The hypervolume of a front against counted cells of a grid."""

import itertools

import numpy as np
import pytest

from deeplab_nas.search.trials import hypervolume, strategy
from tests.search.trials import studies


@pytest.mark.parametrize('num_objectives', [1, 2, 3, 4])
def test_it_is_the_number_of_unit_cells_that_are_dominated(num_objectives):
  rng = np.random.default_rng(num_objectives)
  side = 6
  cells = np.array(list(itertools.product(range(side), repeat=num_objectives)))
  for count in (1, 2, 5, 12):
    rows = rng.integers(side + 2, size=(count, num_objectives))
    dominated = (cells[:, np.newaxis] >= rows).all(-1).any(-1).sum()
    reference = np.full(num_objectives, side)
    assert hypervolume.volume(rows, reference) == dominated


def test_of_nothing_it_is_nothing():
  assert hypervolume.volume(np.empty((0, 3)), np.ones(3)) == 0


STUDY = strategy.Study(
  studies.MIDDLE, (studies.FULL,), ('cross_entropy', 'miou', 'latency_ms')
)


def made(rows):
  """Trials with these scores."""
  genotypes = studies.genotypes(studies.MIDDLE, len(rows))
  return [
    studies.trial(number, genotype, 0.0)._replace(
      scores=dict(zip(STUDY.objectives, row))
    )
    for number, (genotype, row) in enumerate(zip(genotypes, rows))
  ]


def test_a_share_is_of_the_box_from_the_first_trials_to_the_ideal():
  rows = [(2.0, 0.5, 10.0)] * 5 + [(1.0, 0.75, 5.0), (9.0, 0.1, 1.0)]
  trials = made(rows)
  assert hypervolume.share(STUDY, trials[:4]) is None
  assert hypervolume.share(STUDY, trials[:5]) == 0
  assert hypervolume.share(STUDY, trials[:6]) == pytest.approx(1 / 8)
  assert hypervolume.share(STUDY, trials) == pytest.approx(1 / 8)


def test_a_share_never_falls_and_passes_over_failures():
  rng = np.random.default_rng(0)
  trials = made(rng.random((30, 3)))
  trials[7] = studies.trial(7, trials[7].genotype, failure='nan')
  shares = [hypervolume.share(STUDY, trials[:n]) for n in range(6, 31)]
  assert min(np.diff(shares)) > -1e-12 and shares[0] < shares[-1] < 1
  assert shares[1] == shares[2]


def test_a_reward_above_1_counts_as_1():
  study = STUDY.__class__(
    studies.MIDDLE, (studies.FULL,), ('reward', 'latency_ms')
  )
  genotypes = studies.genotypes(studies.MIDDLE, 6)
  trials = [
    studies.trial(i, g, 0.0)._replace(scores={'reward': x, 'latency_ms': 0.0})
    for i, (g, x) in enumerate(zip(genotypes, (0.5, 0.5, 0.5, 0.5, 0.5, 1.2)))
  ]
  trials[0] = trials[0]._replace(scores={'reward': 0.5, 'latency_ms': 1.0})
  assert hypervolume.share(study, trials) == pytest.approx(1)


def test_of_one_objective_there_is_none():
  one = strategy.Study(studies.MIDDLE, (studies.FULL,))
  assert hypervolume.share(one, made(np.ones((9, 3)))) is None
