"""Budgets: the gradient of the cost, the multipliers, and what is found."""

import dataclasses
import re

import numpy as np
import pytest
import tensorflow as tf
from scipy import special

from deeplab_nas import errors
from deeplab_nas.config import config as config_lib
from deeplab_nas.search.relaxed import by_logits, cost_term
from deeplab_nas.space import (
  arch_weights,
  cell_space,
  decode,
  expected_cost,
  genotype,
  latency,
  lattice,
  primitives,
  search_space,
)
from tests.search import tiny
from tests.search.relaxed import toy
from tests.space import enumeration

SPACE = search_space.SearchSpace(
  cell_space.CellSpace(
    2, (primitives.NONE, primitives.SKIP, primitives.SEP_CONV_3X3)
  ),
  lattice.Lattice(3),
  2,
)
BY_GRADIENTS = [
  name
  for name in toy.RELAXED
  if isinstance(toy.build(name, SPACE), by_logits.ByLogits)
]
every = pytest.mark.parametrize('name', BY_GRADIENTS)


# A multiplier that moves by a tenth of the excess.
FAST = {'arch_learning_rate': 0.1, 'cost_rate': 1.0}
# Multiply-adds of cells, between the cheapest and the mean of even weights.
TIGHT = 7e5


def config(budget, **search):
  return config_lib.Config.from_dict(
    {
      'data': {'crop_size': [65, 97]},
      'network': {'filter_multiplier': 4},
      'search': {'cost_budget': budget, **search},
    }
  )


def term(budget=1e6, space=SPACE, **search):
  return cost_term.build(config(budget, **search), space, 3)


def even_cost(measure='cell_macs'):
  """What even weights cost in the mean."""
  op = np.full([len(SPACE.cell.edges), 3], 1 / 3)
  exits = SPACE.lattice.legal.sum(-1, keepdims=True)
  moves = SPACE.lattice.legal / np.maximum(exits, 1)
  weights = arch_weights.ArchWeights(op, moves)
  return float(term(1e12, cost_measure=measure).expected(weights))


def wants_convolutions(batch, arch):
  """A loss that is lowest with a convolution on every edge."""
  del batch
  return -0.1 * tf.reduce_sum(arch.op[:, 2])


def in_numpy(built, costs):
  """The share of the budget, by NumPy alone."""
  op, moves = (np.asarray(x, np.float64) for x in built.mode())
  drawn = expected_cost.drawn_connections(op, SPACE.cell)
  weights = arch_weights.ArchWeights(drawn, moves)
  return costs.model.expected(weights).params / costs.budget


@every
def test_its_gradient_is_that_of_finite_differences(name):
  """Of the logits, by central differences of the NumPy expectation."""
  built = toy.build(name, SPACE, arch_init_stddev=0.5)
  costs = term(
    2e6,
    cost_measure='params',
    cost_weight=0.0,
    cost_rate=0.0,
    cost_sharpness=1.0,
    decode='product',
  )
  costs.multipliers.assign([1.0, 0.0])
  found = costs.gradients(built.mode, built.learnt)
  rng, step = np.random.default_rng(0), 1e-2
  for variable, gradient in zip(built.learnt.values(), found):
    start, way = variable.numpy(), rng.normal(size=variable.shape)
    ends = []
    for sign in (1, -1):
      variable.assign(start + sign * step * way)
      ends.append(in_numpy(built, costs))
    variable.assign(start)
    slope = (ends[0] - ends[1]) / (2 * step)
    size = np.linalg.norm(gradient) * np.linalg.norm(way)
    assert abs(np.sum(gradient * way) - slope) < 1e-4 * size
    assert size > 0


@pytest.mark.parametrize('score', decode.SCORES)
@pytest.mark.parametrize('sharpness', [1.0, 10.0])
def test_the_mean_is_that_of_all_architectures_by_their_score(score, sharpness):
  costs = term(
    1e9, decode=score, cost_sharpness=sharpness, cost_measure='params'
  )
  weights = enumeration.random_weights(SPACE, np.random.default_rng(0))
  logs = decode.log_weights(weights.transition, SPACE.lattice, score)
  scores, counted = [], []
  for cell in enumeration.all_cells(SPACE.cell):
    of_cell = enumeration.cell_log(cell, weights.op, SPACE.cell)
    for path in SPACE.lattice.paths():
      edges = SPACE.lattice.path_edges(path)
      scores.append(of_cell + sum(logs[edge.index] for edge in edges))
      found = genotype.Genotype(path, cell)
      counted.append(costs.model.measure(found, 'params'))
  mean = special.softmax(sharpness * np.array(scores)) @ np.array(counted)
  assert float(costs.expected(weights)) == pytest.approx(mean, rel=1e-9)


def test_even_weights_cost_what_random_architectures_do():
  model = term(1e9).model
  drawn = [model.measure(SPACE.random(i), 'params') for i in range(1000)]
  assert even_cost('params') == pytest.approx(np.mean(drawn), rel=0.01)


@pytest.mark.parametrize('part', range(2))
def test_the_gradient_of_sharp_means_is_that_of_finite_differences(part):
  costs = term(1e6)
  weights = enumeration.random_weights(SPACE, np.random.default_rng(1))
  tensors = [tf.constant(x, tf.float64) for x in weights]
  with tf.GradientTape() as tape:
    tape.watch(tensors)
    value = costs.expected(arch_weights.ArchWeights(*tensors))
  gradient = tape.gradient(value, tensors)[part]
  rng, step = np.random.default_rng(2), 1e-6
  for _ in range(4):
    way = rng.normal(size=gradient.shape) * weights[part]
    ends = []
    for sign in (1, -1):
      moved = list(weights)
      moved[part] = weights[part] + sign * step * way
      ends.append(float(costs.expected(arch_weights.ArchWeights(*moved))))
    slope = (ends[0] - ends[1]) / (2 * step)
    assert np.sum(gradient * way) == pytest.approx(slope, rel=1e-4)


def test_a_multiplier_grows_above_the_budget_and_falls_below_it():
  even = even_cost()
  for budget, sign in ((TIGHT, 1), (2 * even, -1)):
    costs = term(budget, cost_floor=0.0, **FAST)
    costs.multipliers.assign([0.2, 0.0])
    built = toy.build('first_order', SPACE, arch_init_stddev=0.0)
    for _ in range(3):
      costs.gradients(built.mode, built.learnt)
    excess = even / budget - 1
    wanted = max(0.2 + 3 * 0.1 * excess, 0)
    assert costs.multipliers[0].numpy() == pytest.approx(wanted, rel=1e-5)
    assert (costs.multipliers[0].numpy() > 0.2) == (sign > 0)


def test_below_the_floor_it_pulls_to_what_costs_more():
  costs = term(even_cost(), cost_floor=0.8, **FAST)
  built = toy.build('first_order', SPACE, arch_init_stddev=0.0)
  skips = np.zeros([len(SPACE.cell.edges), 3], np.float32)
  skips[:, 1] = 0.3
  built.params.alpha.assign(skips)
  of_alpha, _ = costs.gradients(built.mode, built.learnt)
  assert np.all(of_alpha[:, 2] < 0)  # descent gives convolutions more weight
  assert costs.multipliers[0] == 0 and costs.multipliers[1] > 0


def test_between_floor_and_budget_it_does_nothing():
  costs = term(even_cost() * 1.2, cost_floor=0.5)
  built = toy.build('first_order', SPACE)
  for gradient in costs.gradients(built.mode, built.learnt):
    np.testing.assert_array_equal(gradient, 0)
  np.testing.assert_array_equal(costs.multipliers, 0)


def test_a_floor_never_asks_for_more_than_even_weights_cost():
  even = even_cost()
  cheapest = term(even, cost_floor=0.0).floor
  assert TIGHT > cheapest == term(100 * even, cost_floor=0.0).floor
  for budget in (even, 100 * even):
    floor = term(budget, cost_floor=0.5).floor
    assert floor == pytest.approx((cheapest + even) / 2)


def test_alpha_and_beta_are_scaled_apart():
  built = toy.build('first_order', SPACE, arch_init_stddev=0.1)
  plain, scaled = (
    term(TIGHT, **settings).gradients(built.mode, built.learnt)
    for settings in ({}, {'cost_alpha_scale': 0.5, 'cost_beta_scale': 3.0})
  )
  for a, b, scale in zip(plain, scaled, (0.5, 3.0)):
    np.testing.assert_allclose(b, scale * a, rtol=1e-6)


def test_a_refused_step_moves_neither_logits_nor_multipliers():
  built = toy.build('first_order', SPACE)
  built.costs = term(TIGHT)
  before = [
    v.numpy() for v in (*built.learnt.values(), built.costs.multipliers)
  ]
  built.update(
    tiny.arch_step(lambda batch, arch: float('nan') * tf.reduce_sum(arch.op))
  )
  after = [*built.learnt.values(), built.costs.multipliers]
  for a, b in zip(before, after):
    np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize('sharpness', [10.0, 15.0])
def test_weights_near_one_connection_keep_a_gradient(sharpness):
  costs = term(TIGHT, cost_sharpness=sharpness)
  built = toy.build('first_order', SPACE, arch_init_stddev=0.0)
  for size in (2.0, 4.0, 8.0, 16.0):
    alpha = np.zeros([len(SPACE.cell.edges), 3], np.float32)
    alpha[1, 0] = size  # `none`
    alpha[0, 2] = size
    built.params.alpha.assign(alpha)
    op, _ = costs.drawn(built.mode())
    np.testing.assert_allclose(tf.reduce_sum(op[:2]), 2.0, rtol=1e-6)
    for gradient in costs.gradients(built.mode, built.learnt):
      assert np.isfinite(gradient).all()
  assert np.isfinite(costs.multipliers).all()


def test_a_cost_that_is_not_finite_moves_nothing():
  costs = term(TIGHT)
  built = toy.build('first_order', SPACE)
  built.params.alpha.assign(built.params.alpha * float('nan'))
  for gradient in costs.gradients(built.mode, built.learnt):
    np.testing.assert_array_equal(gradient, 0)
  np.testing.assert_array_equal(costs.multipliers, 0)


def test_walks_get_the_gradients_of_costs_as_they_are():
  built = toy.build('first_order', SPACE)
  built.costs = term(TIGHT)
  told = []
  built.on_gradients = lambda *gradients: told.append(gradients)
  built.update(tiny.arch_step(lambda batch, arch: tf.reduce_sum(arch.op**2)))
  ((of_loss, of_costs),) = told
  assert len(of_loss) == len(of_costs) == 2
  assert np.any(of_costs[0] != 0)


@every
def test_a_search_ends_within_its_budget_and_near_it_in_the_mean(name):
  """Where the loss wants convolutions alone."""
  budget, found = 0.8 * even_cost(), {}
  for limited in (False, True):
    built = toy.build(name, SPACE)
    costs = term(budget, **FAST)
    built.costs = costs if limited else None
    toy.compiled(built, wants_convolutions, SPACE)(0, 300)
    weights = arch_weights.ArchWeights(*map(np.asarray, built.mode()))
    found[limited] = costs.state(weights, built.genotype(), decode.RATIO)
  free, kept = found[False], found[True]
  assert free.found > 1.2 * budget and kept.found <= budget
  assert kept.expected - budget < 0.4 * (free.expected - budget)
  assert kept.expected > 0.8 * budget


@every
def test_what_is_found_is_the_best_within_the_budget(name):
  built = toy.build(name, SPACE, arch_init_stddev=1.0)
  unlimited = built.genotype()
  model = term().model
  budget = 0.9 * model.measure(unlimited, 'cell_macs')
  built.costs = term(budget)
  weights = arch_weights.ArchWeights(*map(np.asarray, built.mode()))
  ranked = decode.k_best_genotypes(weights, SPACE, 100_000)
  fitting = next(
    each.genotype
    for each in ranked
    if model.measure(each.genotype, 'cell_macs') <= budget
  )
  assert built.genotype() == fitting != unlimited


def test_a_search_with_a_budget_goes_on_as_if_never_stopped(tmp_path):
  whole, stopped, resumed = (toy.build('gdas', SPACE) for _ in range(3))
  for built in (whole, stopped, resumed):
    built.costs = term(TIGHT)
  toy.compiled(whole, wants_convolutions, SPACE)(0, 6)
  toy.compiled(stopped, wants_convolutions, SPACE)(0, 4)
  assert stopped.costs.multipliers[0] > 0
  path = tf.train.Checkpoint(strategy=stopped).save(str(tmp_path / 'c'))
  tf.train.Checkpoint(strategy=resumed).restore(path).assert_consumed()
  toy.compiled(resumed, wants_convolutions, SPACE)(4, 6)
  for a, b in zip(whole.variables, resumed.variables):
    np.testing.assert_array_equal(a, b)


def test_without_a_budget_there_is_no_term_and_no_variable():
  assert cost_term.build(config(None), SPACE, 3) is None
  built = toy.build('first_order', SPACE)
  names = {variable.name for variable in built.variables}
  cost_term.attach(built, None)
  assert built.costs is None
  assert {variable.name for variable in built.variables} == names


def test_a_budget_below_the_cheapest_architecture_is_refused():
  with pytest.raises(errors.UserError) as error:
    term(10.0)
  text = str(error.value)
  assert text.startswith('search.cost_budget is 10, but no architecture has')
  needs = re.search('the cheapest needs ([0-9,]+), with', text)
  cheapest = float(needs[1].replace(',', ''))
  assert term(cheapest).budget == cheapest
  with pytest.raises(errors.UserError):
    term(cheapest - 1)


def test_a_strategy_without_gradients_is_refused():
  class Other:
    name = 'other'

  cost_term.attach(Other(), None)
  with pytest.raises(
    errors.UserError, match='and other does not: leave it out'
  ):
    cost_term.attach(Other(), term())


def latency_file(path, widths, machine=None):
  model = config(1.0).network.cost_model(SPACE, 3, (65, 97))
  layers = [model.with_filter_multiplier(width).layers for width in widths]
  table = latency.LatencyTable(
    machine or latency.this_machine(),
    (65, 97),
    {op: 0.5 for op in latency.required_operations(layers)},
  )
  path.write_text(table.to_json())
  return str(path)


def test_latency_is_a_measure_by_a_table_of_this_machine(tmp_path):
  table = latency_file(tmp_path / 'table.json', [4])
  limits = {'cost_measure': 'latency_ms', 'latency_table': table}
  costs = term(1e3, **limits)
  rng = np.random.default_rng(0)
  found = SPACE.random(rng)
  weights = arch_weights.one_hot(found, SPACE)
  timed = costs.model.measure(found, 'latency_ms')
  assert float(costs.expected(weights)) == pytest.approx(timed, rel=1e-9)
  with pytest.raises(
    errors.UserError, match='has at most 0.1 ms: the cheapest'
  ):
    term(0.1, **limits)
  limits['latency_table'] = latency_file(tmp_path / 'other.json', [2])
  with pytest.raises(errors.UserError, match='--widths=4 adds what is missing'):
    term(1e3, **limits)
  limits['latency_table'] = latency_file(
    tmp_path / 'far.json', [4], 'elsewhere'
  )
  with pytest.raises(errors.UserError, match='measured on elsewhere'):
    term(1e3, **limits)


def test_the_state_says_what_the_budget_changed():
  built = toy.build('first_order', SPACE, arch_init_stddev=1.0)
  unlimited = built.genotype()
  whole = term().model.measure(unlimited, 'cell_macs')
  built.costs = term(0.9 * whole)
  weights = arch_weights.ArchWeights(*map(np.asarray, built.mode()))
  state = built.costs.state(weights, built.genotype(), decode.RATIO)
  assert state.unlimited == unlimited and state.unlimited_cost == whole
  assert state.found <= state.budget == 0.9 * whole
  assert set(state.numbers()) == {
    'expected_cost',
    'found_cost',
    'cost_multiplier',
  }
  assert dataclasses.asdict(state)['image_size'] == (65, 97)
