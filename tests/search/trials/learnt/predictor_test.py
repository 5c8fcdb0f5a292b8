"""The ensemble of predictors."""

import numpy as np
import pytest
import scipy.stats

from benchmarks import landscapes
from deeplab_nas.search.trials.learnt import predictor
from tests.search.trials import studies


def fitted(kind, genotypes, losses):
  made = predictor.Ensemble(studies.MIDDLE, kind)
  made.fit(genotypes, np.asarray(losses))
  return made


@pytest.mark.parametrize('kind', ['lstm', 'mlp'])
def test_it_ranks_architectures_that_it_has_not_seen(kind):
  """Of 60 unseen ones, chance has a standard deviation of .13."""
  loss = landscapes.target(studies.MIDDLE, 1)
  genotypes = studies.genotypes(studies.MIDDLE, 100)
  losses = list(map(loss, genotypes))
  found = fitted(kind, genotypes[:40], losses[:40]).predict(genotypes[40:])
  assert scipy.stats.spearmanr(found, losses[40:]).statistic > 0.4


@pytest.mark.parametrize('kind', ['lstm', 'mlp'])
def test_equal_histories_give_equal_predictions(kind):
  genotypes = studies.genotypes(studies.MIDDLE, 12)
  losses = np.random.default_rng(0).normal(size=8)
  first, again = (
    fitted(kind, genotypes[:8], losses).predict(genotypes) for _ in range(2)
  )
  np.testing.assert_array_equal(first, again)


@pytest.mark.parametrize('kind', ['lstm', 'mlp'])
def test_one_score_is_enough(kind):
  genotypes = studies.genotypes(studies.MIDDLE, 3)
  found = fitted(kind, genotypes[:1], [0.7]).predict(genotypes)
  assert found.shape == (3,) and found[0] == pytest.approx(0.7, abs=0.2)


def test_both_is_the_mean_of_lstms_and_mlps():
  genotypes = studies.genotypes(studies.MIDDLE, 8)
  losses = np.random.default_rng(0).normal(size=8)
  lstm, mlp, both = (
    fitted(kind, genotypes, losses).predict(genotypes)
    for kind in ('lstm', 'mlp', 'both')
  )
  np.testing.assert_allclose(both, (lstm + mlp) / 2)


@pytest.mark.parametrize('space', [studies.TINY, studies.MIDDLE, studies.PAPER])
def test_tokens_tell_architectures_apart(space):
  tokens = predictor.Tokens(space)
  genotypes = studies.genotypes(space, 40)
  rows = tokens(genotypes)
  length = space.lattice.num_layers + 4 * space.cell.num_blocks
  assert rows.shape == (40, length)
  assert rows.min() >= 0 and rows.max() < tokens.count
  assert len(np.unique(rows, axis=0)) == 40
