"""ESNAC's kernel is learnt by the likelihood that it says."""

import numpy as np
import pytest
import scipy.stats

from benchmarks import landscapes
from deeplab_nas.search.trials.learnt import embedding
from tests.search.trials import studies

SPACE = studies.MIDDLE


def positive(count, rng):
  factor = rng.normal(size=(count, count))
  return factor @ factor.T + 0.5 * np.eye(count)


def test_leaving_one_out_is_refitting_without_each():
  """By conditioning a normal distribution, n times."""
  rng = np.random.default_rng(0)
  covariance, values = positive(7, rng), rng.normal(size=7)
  total = 0.0
  for i in range(7):
    others = np.delete(np.arange(7), i)
    known = covariance[np.ix_(others, others)]
    across = covariance[i, others]
    mean = across @ np.linalg.solve(known, values[others])
    variance = covariance[i, i] - across @ np.linalg.solve(known, across)
    total += scipy.stats.norm(mean, np.sqrt(variance)).logpdf(values[i])
  found, _ = embedding.leave_one_out(covariance, values)
  assert found == pytest.approx(total, rel=1e-9)


def test_its_gradient_by_the_covariance_is_that_of_differences():
  rng = np.random.default_rng(1)
  covariance, values = positive(5, rng), rng.normal(size=5)
  _, gradient = embedding.leave_one_out(covariance, values)
  for i, j in ((0, 0), (1, 3), (4, 2)):
    change = np.zeros_like(covariance)
    change[i, j] = change[j, i] = 1e-6
    high, _ = embedding.leave_one_out(covariance + change, values)
    low, _ = embedding.leave_one_out(covariance - change, values)
    expected = (high - low) / 2e-6
    found = np.sum(gradient * change) / 1e-6
    assert found == pytest.approx(expected, rel=1e-5, abs=1e-7)


def test_the_gradient_of_every_weight_is_that_of_differences():
  made = embedding.Embedding(SPACE)
  rng = np.random.default_rng(0)
  weights = made.initial(rng)
  genotypes = studies.genotypes(SPACE, 6)
  values = rng.normal(size=6)
  _, gradient = made.surprise(weights, genotypes, values)
  assert gradient.keys() == weights.keys()
  for name, weight in weights.items():
    way = rng.normal(size=weight.shape)
    high, low = (
      made.surprise(
        {**weights, name: weight + sign * 1e-5 * way}, genotypes, values
      )[0]
      for sign in (1, -1)
    )
    expected = (high - low) / 2e-5
    assert np.sum(gradient[name] * way) == pytest.approx(
      expected, rel=1e-4, abs=1e-6
    )


def test_architectures_are_points_of_a_sphere():
  made = embedding.Embedding(SPACE)
  weights = made.initial(np.random.default_rng(0))
  points = made.points(weights, studies.genotypes(SPACE, 20))
  np.testing.assert_allclose(np.linalg.norm(points, axis=1), 1)
  found = embedding.kernel(points, points)
  np.testing.assert_allclose(np.diag(found), 1)
  assert len(np.unique(points.round(8), axis=0)) == 20


def test_what_it_has_learnt_predicts_what_it_has_not_seen():
  """Scores of other architectures, better than the embedding it began with."""
  gains = []
  for seed in range(3):
    loss = landscapes.target(SPACE, seed)
    genotypes = studies.genotypes(SPACE, 80, seed)
    losses = np.array([loss(genotype) for genotype in genotypes])
    made = embedding.Embedding(SPACE)
    begun = made.initial(np.random.default_rng(seed))
    fitted = made.fitted(genotypes[:40], losses[:40], 60, begun)
    found = []
    for weights in (begun, fitted):
      points = made.points(weights, genotypes)
      similar = embedding.kernel(points, points[:40])
      known = similar[:40] + embedding.NOISE * np.eye(40)
      center = losses[:40].mean()
      mean = similar[40:] @ np.linalg.solve(known, losses[:40] - center)
      found.append(np.corrcoef(mean, losses[40:])[0, 1])
    gains.append((found[0], found[1]))
  before, after = np.mean(gains, axis=0)
  assert after > 0.4 and after > before, gains
