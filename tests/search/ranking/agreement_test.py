"""Agreements of rankings, against counts of pairs and known rankings."""

import itertools
import math

import numpy as np
import pytest

from deeplab_nas.search.ranking import agreement


def tau_of_pairs(x, y):
  """(concordant - discordant) / all pairs; without ties."""
  signs = [
    np.sign(x[i] - x[j]) * np.sign(y[i] - y[j])
    for i, j in itertools.combinations(range(len(x)), 2)
  ]
  return sum(signs) / len(signs)


def correlated(count, rho, seed):
  rng = np.random.default_rng(seed)
  covariance = [[1, rho], [rho, 1]]
  return rng.multivariate_normal([0, 0], covariance, count).T


def standard(x):
  return (x - x.mean()) / x.std()


def test_tau_counts_pairs():
  x, y = correlated(40, 0.5, 1)
  found = agreement.overall(x, y)
  assert found.value == pytest.approx(tau_of_pairs(x, y))
  assert found.count == 40
  assert found.low < found.value < found.high


def test_pearson_is_of_values_and_not_of_ranks():
  x, y = correlated(40, 0.5, 1)
  found = agreement.pearson(x, y)
  assert found.value == pytest.approx(np.mean(standard(x) * standard(y)))
  assert found.low < found.value < found.high
  assert agreement.pearson(x, 3 * x + 1).low == pytest.approx(1)
  assert agreement.pearson(x, np.exp(3 * x)).value < 0.9
  assert math.isnan(agreement.pearson(x[:4], y[:4]).value)
  # Resamples of one architecture alone do not count.
  assert -1 <= agreement.pearson(x[:5], y[:5]).low < 1


def test_the_p_value_is_the_share_of_rankings_that_agree_as_well():
  x, y = np.array([3.0, 1, 2, 5, 4]), np.array([2.0, 1, 3, 4, 5])
  observed = tau_of_pairs(x, y)
  taus = [tau_of_pairs(x, each) for each in itertools.permutations(y)]
  share = np.mean([tau >= observed - 1e-9 for tau in taus])
  assert agreement.overall(x, y).p_value == pytest.approx(share)


def test_the_top_fifth_is_that_of_the_results():
  """A score that ranks the bad well and the good the wrong way round."""
  results = np.arange(50.0)
  scores = results.copy()
  scores[:10] = scores[:10][::-1]
  order = np.random.default_rng(0).permutation(50)
  results, scores = results[order], scores[order]
  top = agreement.top_fifth(scores, results)
  assert (top.value, top.count) == (pytest.approx(-1), 10)
  assert top.low == pytest.approx(-1) and top.p_value == 1
  assert agreement.overall(scores, results).value > 0.9
  assert sorted(results[agreement.top(results)]) == list(range(10))


def test_most_intervals_hold_the_truth():
  """Tau of Gaussians is 2 / pi asin(rho)."""
  truth = 2 / math.pi * math.asin(0.6)
  holds = 0
  for seed in range(10):
    found = agreement.overall(*correlated(40, 0.6, seed))
    holds += found.low <= truth <= found.high
  assert holds >= 7  # of 9.5 expected, more than 3 standard deviations below


def test_a_ranking_by_chance_is_within_chance():
  p_values = [
    agreement.overall(*correlated(30, 0, seed)).p_value for seed in range(8)
  ]
  assert 0.2 < np.mean(p_values) < 0.8  # three standard deviations
  assert agreement.overall(*correlated(30, 0.8, 0)).p_value < 1e-3


def test_the_ceiling_is_the_agreement_of_seeds():
  """Of results that are truth and noise with correlation 1 / (1 + s^2)."""
  rng = np.random.default_rng(0)
  truth = rng.normal(size=300)
  for spread in (0.0, 0.5, 2.0):
    results = [x + spread * rng.normal(size=rng.integers(2, 5)) for x in truth]
    found = agreement.ceiling([*results, [0.0], [1.0]])
    wanted = 2 / math.pi * math.asin(1 / (1 + spread**2))
    assert found.value == pytest.approx(wanted, abs=0.06)
    assert found.low <= found.value <= found.high and found.count == 300


def test_few_architectures_say_nothing():
  four = agreement.overall([1, 2, 3, 4], [1, 2, 3, 4])
  assert np.isnan([four.value, four.low, four.high, four.p_value]).all()
  assert np.isnan(agreement.overall([1] * 9, list(range(9))).value)
  assert agreement.ceiling([[1, 2]] * 4 + [[1]] * 9) is None
  top = agreement.top_fifth(range(20), range(20))
  assert np.isnan(top.value) and top.count == 4
