"""The controller's probabilities and gradients, against enumeration."""

import numpy as np
import pytest
import scipy.stats

from deeplab_nas.search.trials import neighbours
from deeplab_nas.search.trials.learnt import controller as controller_lib
from deeplab_nas.space import cell_space, lattice, search_space
from tests.search.trials import studies

# 3 blocks, of which many orders are equal.
BLOCKS = search_space.SearchSpace(
  cell_space.CellSpace(3, studies.DARTS[3:5]), lattice.Lattice(1)
)
SPACES = [studies.TINY, BLOCKS]
EVERYTHING = list(neighbours.every(studies.TINY))
REWARDS = np.random.default_rng(5).normal(size=len(EVERYTHING))


def made(space=studies.TINY, seed=0):
  """With weights far from uniform."""
  controller = controller_lib.Controller(space, 6)
  weights = controller.initial(np.random.default_rng(seed))
  return controller, {name: 8 * value for name, value in weights.items()}


def directional(gradient, direction):
  return sum(np.sum(gradient[name] * direction[name]) for name in direction)


def slope(function, weights, direction, by=1e-5):
  """Of a scalar function along a direction, by central differences."""
  ahead, behind = (
    function({n: w + s * by * direction[n] for n, w in weights.items()})
    for s in (1, -1)
  )
  return (ahead - behind) / (2 * by)


@pytest.mark.parametrize('space', SPACES)
def test_probabilities_of_all_architectures_sum_to_1(space):
  controller, weights = made(space)
  everything = list(neighbours.every(space))
  log_probs, _ = controller.log_prob(weights, everything)
  assert np.exp(log_probs).sum() == pytest.approx(1, abs=1e-9)
  assert np.ptp(log_probs) > 1


@pytest.mark.parametrize('space', [*SPACES, studies.MIDDLE])
def test_what_is_illegal_has_probability_0(space):
  controller, weights = made(space)
  genotypes = studies.genotypes(space, 20)
  _, passed = controller.log_prob(weights, genotypes)
  decisions = controller_lib.Decisions(space)
  num_illegal = 0
  for row, genotype in enumerate(genotypes):
    for t, (legal, choice) in enumerate(decisions.steps(genotype)):
      probs = np.exp(passed.log_probs[t][row])
      assert legal[choice] and (probs[~legal] == 0).all()
      assert (probs[legal] > 0).all() and probs.sum() == pytest.approx(1)
      num_illegal += (~legal).sum()
  assert num_illegal


def test_draws_are_as_frequent_as_they_are_probable():
  """A chi-squared test of 400 draws, in ten groups of about equal mass."""
  controller, weights = made()
  log_probs, _ = controller.log_prob(weights, EVERYTHING)
  rng = np.random.default_rng(0)
  drawn = [
    EVERYTHING.index(controller.sample(weights, rng)) for _ in range(400)
  ]
  order = np.argsort(log_probs)
  groups = np.minimum(np.cumsum(np.exp(log_probs[order])) * 10, 9.999).astype(
    int
  )
  expected = np.bincount(groups, np.exp(log_probs[order]), minlength=10)
  counts = np.bincount(drawn, minlength=len(EVERYTHING))[order]
  seen = np.bincount(groups, counts, minlength=10)
  used = expected > 0
  p = scipy.stats.chisquare(seen[used], 400 * expected[used]).pvalue
  assert p > 1e-4


def test_the_gradient_is_that_of_the_enumerated_expectation():
  controller, weights = made()
  rng = np.random.default_rng(1)
  log_probs, passed = controller.log_prob(weights, EVERYTHING)
  mass = len(EVERYTHING) * np.exp(log_probs)
  gradient = controller.gradient(weights, passed, mass * REWARDS)
  assert gradient.keys() == weights.keys()
  for name in (
    'kernel',
    'bias',
    'start',
    'embedding_1',
    'softmax_4',
    'offset_0',
  ):
    direction = {n: np.zeros_like(w) for n, w in weights.items()}
    direction[name] = rng.normal(size=weights[name].shape)

    def expectation(at):
      return np.exp(controller.log_prob(at, EVERYTHING)[0]) @ REWARDS

    assert directional(gradient, direction) == pytest.approx(
      slope(expectation, weights, direction), rel=1e-4, abs=1e-7
    )


def test_estimates_of_samples_have_that_gradient_as_their_mean():
  """Within 4 standard errors of the estimates, by any baseline."""
  controller, weights = made()
  rng = np.random.default_rng(2)
  direction = {n: rng.normal(size=w.shape) for n, w in weights.items()}

  def expectation(at):
    return np.exp(controller.log_prob(at, EVERYTHING)[0]) @ REWARDS

  exact = slope(expectation, weights, direction)
  own = []
  for genotype in EVERYTHING:
    _, passed = controller.log_prob(weights, [genotype])
    gradient = controller.gradient(weights, passed, np.ones(1))
    own.append(directional(gradient, direction))
  drawn = [
    EVERYTHING.index(controller.sample(weights, rng)) for _ in range(400)
  ]
  for baseline in (0.0, 0.7):
    estimates = (REWARDS[drawn] - baseline) * np.array(own)[drawn]
    error = estimates.std(ddof=1) / np.sqrt(len(drawn))
    assert abs(estimates.mean() - exact) < 4 * error
    assert abs(exact) > 0.1


def test_the_bonus_is_the_gradient_of_the_decisions_entropies():
  controller, weights = made()
  rng = np.random.default_rng(3)
  direction = {n: rng.normal(size=w.shape) for n, w in weights.items()}
  some = EVERYTHING[:7]

  def entropies(at):
    _, passed = controller.log_prob(at, some)
    probs = [np.exp(table) for table in passed.log_probs]
    return sum(scipy.stats.entropy(p, axis=1).sum() for p in probs) / len(some)

  _, passed = controller.log_prob(weights, some)
  gradient = controller.gradient(weights, passed, np.zeros(7), entropy=0.3)
  assert directional(gradient, direction) == pytest.approx(
    0.3 * slope(entropies, weights, direction), rel=1e-4
  )


def test_at_the_start_legal_choices_are_about_equally_probable():
  controller = controller_lib.Controller(studies.MIDDLE, 32)
  weights = controller.initial(np.random.default_rng(0))
  _, passed = controller.log_prob(weights, studies.genotypes(studies.MIDDLE, 9))
  for table in passed.log_probs:
    legal = np.isfinite(table)
    spread = np.where(legal, table, -np.inf).max(1) - np.where(
      legal, table, np.inf
    ).min(1)
    assert spread.max() < 0.2
