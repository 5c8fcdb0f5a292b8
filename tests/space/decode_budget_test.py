"""Decoding within a budget equals exhaustive search."""

import itertools
import math
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deeplab_nas.space import (
  CellSpace,
  CostModel,
  Lattice,
  SearchSpace,
  arch_weights,
  decode,
  primitives,
  widest,
)
from tests.space import enumeration

BUDGET_SPACES = [
  enumeration.SMALL,
  SearchSpace(
    CellSpace(
      2,
      (
        primitives.NONE,
        primitives.MAX_POOL_3X3,
        primitives.SEP_CONV_5X5,
        primitives.ATROUS_CONV_3X3,
      ),
    ),
    Lattice(2),
  ),
  SearchSpace(
    CellSpace(1, (primitives.SKIP, primitives.DIL_CONV_3X3)), Lattice(6)
  ),
]
BUDGETS = [
  *([name] for name in widest.MEASURES),
  ['macs', 'params'],
  ['cell_macs', 'params', 'activation_bytes'],
]


@pytest.mark.parametrize('names', BUDGETS, ids='-'.join)
@pytest.mark.parametrize('space', BUDGET_SPACES, ids=['small', 'wide', 'long'])
@pytest.mark.parametrize('size', [(97, 65), (70, 50)], ids=['even', 'padded'])
def test_the_best_within_a_budget_equal_enumeration(space, names, size):
  rng = np.random.default_rng(len(names))
  model = CostModel(space, 3, size, True, (8, 8, 16), 8).with_filter_multiplier(
    5
  )
  weights = enumeration.random_weights(space, rng, zeros=0.05)
  scores = enumeration.all_genotypes(weights, space, 'ratio')
  costs = {
    genotype: [model.measure(genotype, name) for name in names]
    for genotype in scores
  }
  values = np.array(list(costs.values()))
  for share in (0.02, 0.3, 0.9):
    most = np.quantile(values, share, axis=0, method='lower')
    within = {g: scores[g] for g in scores if np.all(costs[g] <= most)}
    budget = dict(zip(names, most.tolist()))
    options = {'budget': budget, 'cost_model': model}
    if not within:
      with pytest.raises(decode.BudgetError, match='within all limits at once'):
        decode.decode(weights, space, **options)
      continue
    best = decode.decode(weights, space, **options)
    np.testing.assert_allclose(scores[best], max(within.values()))
    assert np.all(costs[best] <= most)
    found = decode.k_best_genotypes(weights, space, 30, **options)
    assert len(found) == min(30, len(within))
    enumeration.assert_best(found, within)


@settings(max_examples=12, deadline=None)
@given(
  seed=st.integers(0, 2**32 - 1),
  share=st.floats(0, 1),
  score=st.sampled_from(decode.SCORES),
)
def test_one_limit_equals_enumeration(seed, share, score):
  space = SearchSpace(
    CellSpace(1, primitives.PRIMITIVES), Lattice(3, (4, 8, 16)), 3
  )
  rng = np.random.default_rng(seed)
  weights = enumeration.random_weights(space, rng)
  model = CostModel(space, 2, (50, 70), True, (8, 8, 8), 8)
  name = list(widest.MEASURES)[seed % len(widest.MEASURES)]
  scores = enumeration.all_genotypes(weights, space, score)
  costs = {g: model.measure(g, name) for g in scores}
  most = np.quantile(list(costs.values()), share, method='lower')
  best = decode.decode(weights, space, score, {name: most}, model)
  assert costs[best] <= most
  np.testing.assert_allclose(
    scores[best], max(v for g, v in scores.items() if costs[g] <= most)
  )


def test_a_budget_below_everything_names_the_cheapest():
  space = BUDGET_SPACES[1]
  model = CostModel(space, 3, (65, 65))
  weights = enumeration.random_weights(space, np.random.default_rng(0))
  costs = {
    genotype: model.measure(genotype, 'macs')
    for genotype in enumeration.all_genotypes(weights, space, 'ratio')
  }
  least = min(costs.values())
  message = (
    f'has at most {least - 1:,} multiply-adds: the cheapest needs {least:,},'
  )
  with pytest.raises(decode.BudgetError, match=message) as caught:
    decode.decode(weights, space, budget={'macs': least - 1}, cost_model=model)
  text = str(caught.value)
  assert any(
    str(list(genotype.path)) in text and str(genotype).splitlines()[-1] in text
    for genotype, value in costs.items()
    if value == least
  )
  best = decode.decode(weights, space, budget={'macs': least}, cost_model=model)
  assert costs[best] == least


@pytest.mark.parametrize(
  'names', [['cell_macs'], ['cell_macs', 'params']], ids='-'.join
)
@pytest.mark.parametrize('stddev', [1e-3, 1.0])
def test_the_papers_space_is_decoded_within_a_budget_in_seconds(stddev, names):
  """Exact there too: no random architecture within the budget scores more."""
  space = SearchSpace()
  rng = np.random.default_rng(0)
  op = np.exp(stddev * rng.normal(size=(20, 8)))
  transition = np.exp(stddev * rng.normal(size=(12, 4, 3)))
  transition *= space.lattice.legal
  total = transition.sum(-1, keepdims=True)
  weights = arch_weights.ArchWeights(
    op / op.sum(-1, keepdims=True),
    np.divide(transition, total, out=transition, where=total > 0),
  )
  model = CostModel(space, 19, (129, 129))
  free = decode.decode(weights, space)
  budget = {name: 0.8 * model.measure(free, name) for name in names}
  start = time.process_time()
  (best, best_score), *_ = decode.k_best_genotypes(
    weights, space, 1, budget=budget, cost_model=model
  )
  assert time.process_time() - start < 20
  assert all(model.measure(best, name) <= budget[name] for name in names)
  logs = decode.log_weights(weights.transition, space.lattice)

  def score(genotype):
    edges = space.lattice.path_edges(genotype.path)
    return enumeration.cell_log(genotype.cell, weights.op, space.cell) + sum(
      logs[edge.index] for edge in edges
    )

  for other in itertools.islice(neighbours(space, best, rng), 300):
    if all(model.measure(other, name) <= budget[name] for name in names):
      assert score(other) <= best_score + 1e-9


def neighbours(space, genotype, rng):
  while True:
    yield space.mutate(genotype, rng)


@pytest.mark.parametrize(
  'options, message',
  [
    ({'budget': {'macs': 1e9}}, 'a budget needs a cost_model'),
    (
      {'budget': {'macs': 1e9}, 'cost_model': CostModel()},
      'of another space than the weights',
    ),
    (
      {'budget': {'flops': 1}, 'cost_model': CostModel(enumeration.SMALL)},
      "no budget of 'flops'; expected cell_macs",
    ),
    (
      {
        'budget': {'macs': math.nan},
        'cost_model': CostModel(enumeration.SMALL),
      },
      'the budget of macs is nan',
    ),
    ({'score': 'best'}, "no score 'best'; expected ratio or product"),
  ],
)
def test_what_cannot_be_decoded_is_refused(options, message):
  weights = enumeration.random_weights(
    enumeration.SMALL, np.random.default_rng(0)
  )
  with pytest.raises(ValueError, match=message):
    decode.decode(weights, enumeration.SMALL, **options)
