"""What a budget finds, beside the best that there is within it.

On made-up losses, which add up over edges and moves, so that the best can be
computed. For the figures of g3doc/strategies.md:

  pytest -m soak -s tests/search/relaxed/budget_quality_test.py
"""

import functools

import numpy as np
import pytest
import tensorflow as tf

from deeplab_nas.config import config as config_lib
from deeplab_nas.search.relaxed import cost_term
from deeplab_nas.space import (
  arch_weights,
  cell_space,
  decode,
  lattice,
  primitives,
  search_space,
)
from tests.search.relaxed import toy
from tests.space import enumeration

OPERATIONS = (
  primitives.NONE,
  primitives.SKIP,
  primitives.SEP_CONV_3X3,
  primitives.SEP_CONV_5X5,
)
# What a loss prefers of them, times a number of each edge's own.
PREFERENCES = np.array([0, 0, 3, 3.9], np.float32)
SPACE = search_space.SearchSpace(
  cell_space.CellSpace(2, OPERATIONS), lattice.Lattice(4, (4, 8, 16)), 2
)
STEPS, LEARNING_RATE, NUM_LOSSES, NOISE = 400, 0.006, 12, 0.3
# Of the way from the cheapest architecture to what even weights cost.
SHARE = 0.3
STRENGTHS = (1.0, 0.05)
SETTINGS = {
  'default': {},
  'cost_weight=10': {'cost_weight': 10.0},
  'decode alone': {'cost_weight': 0.0, 'cost_rate': 0.0},
}


class Preferences:
  """Gains of operations by edge and of moves, and a loss with some noise."""

  def __init__(self, seed):
    rng = np.random.default_rng(seed)
    shape = len(SPACE.cell.edges), len(OPERATIONS)
    legal = SPACE.lattice.legal
    op = np.abs(rng.normal(size=shape)) * PREFERENCES
    moves = np.where(legal, 2 * rng.normal(size=legal.shape), 0)
    self.gains = arch_weights.ArchWeights(*map(np.float32, (op, moves)))

  @functools.cached_property
  def of_all(self):
    """The gain of every architecture, by whichever edges it gains most."""
    weights = arch_weights.ArchWeights(*map(np.exp, self.gains))
    return enumeration.all_genotypes(weights, SPACE, decode.PRODUCT)

  def loss(self, strength):
    """Of batches, which are numbers."""

    def loss(batch, arch):
      seed = tf.cast(batch, tf.int32)
      total = tf.zeros([])
      for i, (gain, x) in enumerate(zip(self.gains, arch)):
        noise = tf.random.stateless_normal(x.shape, [seed, i], stddev=NOISE)
        total += tf.reduce_sum((noise - gain) * x)
      return strength * total

    return loss


@functools.cache
def preferences_of(seed):
  return Preferences(seed)


def term(strategy, budget, **settings):
  config = {
    'data': {'crop_size': [65, 65]},
    'network': {'filter_multiplier': 4},
    'search': {
      'strategy': strategy,
      'arch_learning_rate': LEARNING_RATE,
      'cost_budget': budget,
      **settings,
    },
  }
  return cost_term.build(config_lib.Config.from_dict(config), SPACE, 3)


def searched(strategy, preferences, strength, costs, seed):
  """A strategy after a search within the budget."""
  built = toy.build(strategy, SPACE, seed, arch_learning_rate=LEARNING_RATE)
  built.costs = costs
  toy.compiled(built, preferences.loss(strength), SPACE, STEPS)(0, STEPS)
  return built


@functools.cache
def within(budget):
  """All architectures within the budget, by counting each."""
  costs = term('first_order', budget)
  return [*filter(costs.is_within, preferences_of(0).of_all)]


@pytest.mark.soak
@pytest.mark.parametrize('strategy', ['first_order', 'gdas'])
@pytest.mark.parametrize('strength', STRENGTHS)
def test_what_is_found_is_near_the_best_within_the_budget(strategy, strength):
  budget = term(strategy, 1e12, cost_floor=SHARE).floor
  random, regret = [], {}
  for name, settings in SETTINGS.items():
    costs, ends, shares = term(strategy, budget, **settings), [], []
    for seed in range(NUM_LOSSES):
      costs.multipliers.assign([0, 0])
      preferences = preferences_of(seed)
      built = searched(strategy, preferences, strength, costs, seed)
      gains = preferences.of_all
      best = max(gains[each] for each in within(budget))
      ends.append(best - gains[built.genotype()])
      shares.append(float(costs.expected(built.mode())) / budget)
      other = costs.random(np.random.default_rng(seed))
      random.append(best - gains[other])
    assert min(ends) >= 0
    regret[name] = np.mean(ends)
    print(
      f'{strategy}, losses x {strength}, {name}: E {np.mean(shares):.2f} of the'
      f' budget (at most {max(shares):.2f}), regret {np.mean(ends):.2f}'
      f' (median {np.median(ends):.2f}; random {np.mean(random):.2f})'
    )
  assert regret['default'] < 0.5 * np.mean(random)
