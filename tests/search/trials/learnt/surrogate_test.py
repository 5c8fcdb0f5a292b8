"""The Gaussian process of all fidelities."""

import numpy as np
import pytest
import scipy.stats
from sklearn import gaussian_process
from sklearn.gaussian_process import kernels

from deeplab_nas.search.trials.learnt import surrogate


def scores(levels, correlation, noise=0.2, seed=0, num_features=4):
  """Random linear losses at two levels, and each one's features and id."""
  rng = np.random.default_rng(seed)
  count = len(levels)
  features = rng.normal(size=(count, num_features))
  first, second = rng.normal(size=(2, num_features)) / num_features**0.5
  short = correlation * first + (1 - correlation**2) ** 0.5 * second
  true = np.where(np.array(levels) == 1, features @ first, features @ short)
  losses = true + noise * rng.normal(size=count)
  seen = surrogate.Observations(
    features, np.arange(count), np.array(levels), losses
  )
  return seen, features @ first


def test_one_fidelity_is_the_gaussian_process_of_scikit_learn():
  seen, _ = scores(20 * [0], 1.0)
  p = surrogate.Parameters(0.5, 1 - 1e-9, 0.2, 0.8, (1.0,))
  model = surrogate.Surrogate(seen, p)
  mean, sd = seen.features.mean(0), seen.features.std(0) * 2
  unit, offset = seen.losses.std(), seen.losses.mean()
  kernel = (
    kernels.ConstantKernel(0.8) * kernels.RBF(0.8)
    + kernels.WhiteKernel(0.2)
    + kernels.ConstantKernel(9.0)
  )
  expected = gaussian_process.GaussianProcessRegressor(
    kernel, alpha=1e-6, optimizer=None
  ).fit((seen.features - mean) / sd, (seen.losses - offset) / unit)
  new = np.random.default_rng(1).normal(size=(5, 4))
  found, _ = model.predict(new, np.full(5, -1), 0)
  np.testing.assert_allclose(
    found, offset + unit * expected.predict((new - mean) / sd), rtol=1e-5
  )
  assert model.evidence == pytest.approx(
    expected.log_marginal_likelihood_value_, rel=1e-5
  )


def test_weights_stretch_the_features():
  seen, _ = scores(20 * [0], 1.0)
  p = surrogate.Parameters(0.5, 0.5, 0.2, 0.8, (1.0,))
  new, ids = seen.features[:5] + 0.1, np.full(5, -1)
  weights = np.array([0.4, 0.6, 0.0, 0.0])
  found, _ = surrogate.Surrogate(seen, p, weights).predict(new, ids, 0)
  noisy = np.random.default_rng(0).normal(size=(5, 2))
  blind = np.concatenate([new[:, :2], noisy], axis=1)
  again, _ = surrogate.Surrogate(seen, p, weights).predict(blind, ids, 0)
  np.testing.assert_allclose(found, again)
  plain, _ = surrogate.Surrogate(seen, p).predict(new, ids, 0)
  equal, _ = surrogate.Surrogate(seen, p, np.full(4, 0.25)).predict(new, ids, 0)
  np.testing.assert_allclose(plain, equal)
  assert not np.allclose(plain, found)


def test_scores_of_one_architecture_leave_less_doubt_of_it():
  seen, _ = scores(10 * [0], 1.0)
  p = surrogate.Parameters(0.5, 0.5, 0.3, 1.0, (1.0,))
  model = surrogate.Surrogate(seen, p)
  _, of_known = model.predict(seen.features, seen.ids, 0)
  _, of_twins = model.predict(seen.features, np.full(10, -1), 0)
  assert (of_known < of_twins).all()
  twice = surrogate.Observations(*(np.concatenate([x, x]) for x in seen))
  _, surer = surrogate.Surrogate(twice, p).predict(seen.features, seen.ids, 0)
  assert (surer < of_known).all()


@pytest.mark.parametrize('seed', range(3))
def test_it_learns_how_far_a_short_trial_can_be_trusted(seed):
  """Of architectures with both trials, at a signal correlation of 1 and 0."""
  found = {}
  for correlation in (0.0, 1.0):
    seen, _ = scores(40 * [0] + 40 * [1], correlation, seed=seed)
    half = seen.features[:40]
    levels = np.array(40 * [0] + 40 * [1])
    rng = np.random.default_rng(seed)
    first, second = rng.normal(size=(2, 4)) / 2
    short = first if correlation else second
    losses = np.concatenate([half @ short, half @ first])
    both = surrogate.Observations(
      np.concatenate([half, half]),
      np.tile(np.arange(40), 2),
      levels,
      losses + 0.2 * rng.normal(size=80),
    )
    found[correlation] = surrogate.fit(both, 2).correlation
  assert found[0.0] < 0.6 < 0.75 < found[1.0]


@pytest.mark.parametrize('seed', range(3))
def test_short_trials_help_to_rank_full_ones(seed):
  seen, true = scores(40 * [0] + 5 * [1] + 200 * [1], 0.9, seed=seed)
  ranks = []
  for start in (0, 40):  # with and without the short ones
    known = surrogate.Observations(*(x[start:45] for x in seen))
    model = surrogate.Surrogate(known, surrogate.fit(known, 2))
    mean, _ = model.predict(seen.features[45:], seen.ids[45:], 1)
    ranks.append(scipy.stats.spearmanr(mean, true[45:]).statistic)
  assert ranks[0] > max(ranks[1], 0.5)


@pytest.mark.parametrize('unit', [1e-3, 1e3])
def test_units_of_the_loss_do_not_matter(unit):
  seen, _ = scores(12 * [0] + 6 * [1], 0.7)
  other = seen._replace(losses=7 + unit * seen.losses)
  p, q = surrogate.fit(seen, 2), surrogate.fit(other, 2)
  mean, sd = surrogate.Surrogate(seen, p).predict(seen.features, seen.ids, 1)
  again, wide = surrogate.Surrogate(other, q).predict(
    seen.features, seen.ids, 1
  )
  np.testing.assert_allclose((again - 7) / unit, mean, rtol=1e-3, atol=1e-4)
  np.testing.assert_allclose(wide / unit, sd, rtol=1e-3)


@pytest.mark.parametrize('count', [1, 2])
def test_a_score_or_two_equal_ones_are_enough(count):
  seen, _ = scores(count * [0], 1.0)
  seen = seen._replace(losses=np.full(count, 0.7))
  model = surrogate.Surrogate(seen, surrogate.fit(seen, 3))
  mean, sd = model.predict(seen.features, seen.ids, 2)
  assert np.isfinite(mean).all() and (sd > 0).all()
