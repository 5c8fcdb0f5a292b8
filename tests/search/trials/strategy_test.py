"""What trials are worth to a strategy, and what it knows of the task."""

import math

import numpy as np
import pytest

from deeplab_nas.search.trials import strategy
from tests.search import tiny

FULL = strategy.Fidelity(400)


def trial(**values):
  genotype = tiny.SPACE.random(np.random.default_rng(0))
  return strategy.Trial(0, strategy.Proposal(genotype, FULL), 7, **values)


@pytest.mark.parametrize(
  ('objective', 'loss'), [('cross_entropy', 0.5), ('miou', -0.25)]
)
def test_of_any_objective_less_is_better(objective, loss):
  scores = {'cross_entropy': 0.5, 'miou': 0.25}
  study = strategy.Study(tiny.SPACE, (FULL,), (objective,))
  assert study.loss(trial(scores=scores)) == loss


@pytest.mark.parametrize('values', [{}, {'failure': 'nan'}])
def test_a_trial_without_scores_is_worse_than_all(values):
  study = strategy.Study(tiny.SPACE, (FULL,), ('miou', 'latency_ms'))
  assert study.losses(trial(**values)) == (math.inf, math.inf)


def test_a_trial_is_pending_until_it_has_scores_or_failed():
  assert trial().is_pending
  assert not trial(scores={'miou': 0.1}).is_pending
  assert not trial(failure='nan').is_pending


def test_the_last_fidelity_is_the_full_one():
  short = strategy.Fidelity(100, image_scale=0.5)
  assert strategy.Study(tiny.SPACE, (short, FULL)).full == FULL
