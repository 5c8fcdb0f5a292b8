"""The model of a history."""

import numpy as np
import pytest
import scipy.stats

from benchmarks import landscapes
from deeplab_nas.search.trials import strategy
from deeplab_nas.search.trials.learnt import beliefs
from tests.search.trials import studies

STUDY = strategy.Study(studies.MIDDLE, studies.FIDELITIES)


def test_without_scores_there_is_no_model():
  (genotype,) = studies.genotypes(studies.MIDDLE, 1)
  pending = studies.trial(0, genotype)
  failed = studies.trial(1, genotype, failure='nan')
  assert beliefs.Beliefs(STUDY).of([]) is None
  assert beliefs.Beliefs(STUDY).of([pending, failed]) is None


@pytest.mark.parametrize('kind', landscapes.KINDS)
@pytest.mark.parametrize('space', [studies.MIDDLE, studies.PAPER])
def test_it_ranks_architectures_that_it_has_not_seen(kind, space):
  """Better than chance: shuffled scores teach nothing. Over four seeds."""
  found, chance = [], []
  rng = np.random.default_rng(1)
  for seed in range(4):
    loss = landscapes.KINDS[kind](space, seed)
    genotypes = studies.genotypes(space, 160, seed)
    losses = [loss(g) + 0.3 * rng.normal() for g in genotypes[:40]]
    unseen = [loss(g) for g in genotypes[40:]]
    for result, scores in (
      (found, losses),
      (chance, rng.permutation(losses)),
    ):
      trials = [
        studies.trial(i, genotype, float(score))
        for i, (genotype, score) in enumerate(zip(genotypes, scores))
      ]
      study = strategy.Study(space, (studies.FULL,))
      mean, _ = beliefs.Beliefs(study).of(trials).predict(genotypes[40:], 0)
      result.append(scipy.stats.spearmanr(mean, unseen).statistic)
  # The mean of 4 rank correlations of 120 by chance has a deviation of .046,
  # and the kernel's smoothness adds to it.
  assert np.mean(found) > max(2.3 * 0.046, np.mean(chance) + 0.05)


def test_what_is_remembered_changes_no_model():
  genotypes = studies.genotypes(studies.MIDDLE, 30)
  trials = [studies.trial(i, g, i % 7 / 7) for i, g in enumerate(genotypes)]
  kept = beliefs.Beliefs(STUDY)
  for count in (30, 5, 17, 30):
    found, _ = kept.of(trials[:count]).predict(genotypes, 2)
    anew, _ = beliefs.Beliefs(STUDY).of(trials[:count]).predict(genotypes, 2)
    np.testing.assert_array_equal(found, anew)


def test_one_training_that_went_astray_is_no_measure_of_the_others():
  losses = np.array([1.0, 1.1, 0.9, 1.2, 1.05, 427.0, 30.0, 0.2])
  levels = np.array([0, 0, 0, 0, 0, 0, 1, 0])
  tamed = beliefs.tamed(losses, levels)
  np.testing.assert_array_equal(
    tamed[[0, 1, 2, 3, 4, 6, 7]], losses[[0, 1, 2, 3, 4, 6, 7]]
  )
  assert 1.2 < tamed[5] < 3


def test_parameters_are_fitted_to_all_scores_but_the_last_few():
  counts = [beliefs.num_fitted(n) for n in range(4, 200)]
  assert counts == sorted(counts)
  for scores, count in enumerate(counts, 4):
    assert scores / 1.25 <= count
    assert count <= max(4, 1.25 * scores)
  assert len(set(counts)) < 20
