"""Single paths: draws by counting, and against all architectures."""

import collections
import functools
import itertools

import numpy as np
import pytest
import scipy.stats
import tensorflow as tf

from deeplab_nas.config import config as config_lib
from deeplab_nas.config import relaxed_strategies
from deeplab_nas.search.relaxed import cost_term, single_path
from deeplab_nas.space import (
  arch_weights,
  cell_space,
  decode,
  lattice,
  primitives,
  search_space,
)
from tests.search import tiny
from tests.search.relaxed import brute_force, toy

# Blocks of 2, 3 and 4 sources, three primitives besides `none`.
SPACE = search_space.SearchSpace(
  cell_space.CellSpace(3, primitives.PRIMITIVES[:4]), lattice.Lattice(3), 2
)
# Of 5 paths and 4 * 12 cells, which can be counted.
SMALL = search_space.SearchSpace(
  cell_space.CellSpace(2, primitives.PRIMITIVES[:3]), lattice.Lattice(2), 2
)
both = pytest.mark.parametrize(
  'sampling', [single_path.STRICTLY_FAIR, single_path.UNIFORM]
)


def build(sampling=single_path.STRICTLY_FAIR, space=SPACE, seed=0, **settings):
  section = relaxed_strategies.SinglePathConfig(sampling=sampling, **settings)
  return toy.build('single_path', space, seed=seed, settings=section)


def samples(built, count, first=0):
  """Arrays [N, E, K] and [N, L, S, 3], of so many steps."""

  @tf.function(autograph=False)
  def draw():
    numbers = tf.range(first, first + count, dtype=tf.int64)
    return tf.map_fn(
      lambda number: tuple(built.sample(tiny.progress(number))),
      numbers,
      fn_output_signature=(tf.float32, tf.float32),
      parallel_iterations=1,
    )

  return [x.numpy() for x in draw()]


@functools.cache
def many(sampling):
  """4,000 of SMALL."""
  return samples(build(sampling, SMALL), 4000)


def everything():
  """Arrays [N, E, K] and [N, L, S, 3], of all that SMALL can draw."""
  choices = [k for k, p in enumerate(SMALL.cell.primitives) if not p.is_none]
  blocks = []
  for block in range(2):
    blocks.append([])
    for pair in itertools.combinations(SMALL.cell.sources(block), 2):
      for chosen in itertools.product(choices, repeat=2):
        op = np.zeros([5, 3], np.float32)
        edges = [SMALL.cell.edge_index(source, block) for source in pair]
        op[edges, chosen] = 1
        blocks[-1].append(op)
  ops = [first + second for first, second in itertools.product(*blocks)]
  transitions = []
  for path in itertools.product(range(4), repeat=2):
    if SMALL.lattice.is_path(path):
      transitions.append(np.zeros(SMALL.lattice.legal.shape, np.float32))
      for edge in SMALL.lattice.path_edges(path):
        transitions[-1][edge.index] = 1
  pairs = itertools.product(ops, transitions)
  return [np.stack(part) for part in zip(*pairs)]


@both
def test_a_sample_is_an_architecture(sampling):
  """Two sources of each block, an operation for each, and a path."""
  cell, grid = SPACE.cell, SPACE.lattice
  for op, transition in zip(*samples(build(sampling), 30)):
    assert set(op.ravel()) == {0, 1} and not op[:, 0].any()
    for block in range(cell.num_blocks):
      first = cell.edge_index(0, block)
      rows = op[first : first + len(cell.sources(block))].sum(-1)
      assert sorted(rows)[-2:] == [1, 1] and rows.sum() == 2
    places = np.argwhere(transition)
    path = tuple(source + move - 1 for _, source, move in places)
    edges = grid.path_edges(path)
    assert [edge.index for edge in edges] == list(map(tuple, places))


@pytest.mark.parametrize('seed, first', [(0, 0), (5, 36)])
def test_strictly_fair_is_what_it_says(seed, first):
  """After every S steps for sources, and S K / 2 for primitives."""
  ops, _ = samples(build(seed=seed), 36, first)
  cell = SPACE.cell
  for block in range(cell.num_blocks):
    size = len(cell.sources(block))
    start = cell.edge_index(0, block)
    used = ops[:, start : start + size]  # [N, S, K]
    by_turn = used.sum(-1).reshape(-1, size, size).sum(1)
    np.testing.assert_array_equal(by_turn, 2)
    np.testing.assert_array_equal(used[..., 0], 0)  # `none`
    for source in range(size):
      order = used[:, source].argmax(-1)[used[:, source].any(-1)]
      rounds = np.sort(order.reshape(-1, 3), -1)
      np.testing.assert_array_equal(rounds, [[1, 2, 3]] * len(rounds))


def test_orders_differ_from_round_to_round_and_from_edge_to_edge():
  ops, _ = samples(build(), 72)
  of_edges = [ops[:, edge].argmax(-1)[ops[:, edge].any(-1)] for edge in (0, 1)]
  rounds = [tuple(x) for order in of_edges for x in order.reshape(-1, 3)]
  assert len(set(rounds)) == 6  # all orders of three
  assert np.any(of_edges[0] != of_edges[1])


@both
def test_all_architectures_are_equally_probable(sampling):
  """By the counts of each, of 4,000 draws."""

  def keys(arrays):
    return [op.tobytes() + path.tobytes() for op, path in zip(*arrays)]

  counts = collections.Counter(keys(many(sampling)))
  known = set(keys(everything()))
  assert len(known) == 240 and known >= counts.keys()
  observed = [counts[key] for key in known]
  assert scipy.stats.chisquare(observed).pvalue > 1e-3


@both
def test_the_mean_loss_is_that_of_the_enumeration(sampling):
  """Of Eq. (7), with a loss of pairs of choices."""
  rng = np.random.default_rng(2)
  tables = [rng.normal(size=[size, size]) for size in (5 * 3, 2 * 4 * 3)]

  def loss(op, transition):
    flat = op.ravel(), transition.ravel()
    return sum(x @ table @ x for x, table in zip(flat, tables))

  exact = [loss(*each) for each in zip(*everything())]
  found = [loss(*each) for each in zip(*many(sampling))]
  error = np.std(exact) / np.sqrt(len(found))
  assert np.std(exact) > 1
  assert abs(np.mean(found) - np.mean(exact)) < 4 * error


def test_the_gradient_of_weights_is_that_of_the_enumerated_mean():
  """Weights of which each architecture reads its own part."""
  rng = np.random.default_rng(3)
  w = tf.constant(rng.normal(size=[5, 3]), tf.float32)

  def all_of(ops, transitions):
    """Of each, [N, E, K]."""
    copies = tf.repeat(w[tf.newaxis], len(ops), 0)
    with tf.GradientTape() as tape:
      tape.watch(copies)
      steep = 1 + tf.reduce_sum(transitions[..., 2], (1, 2))
      value = steep * tf.reduce_sum(tf.exp(copies) * ops, (1, 2)) ** 2
    return tape.gradient(value, copies).numpy()

  exact = all_of(*everything())
  found = all_of(*many(single_path.STRICTLY_FAIR))
  error = exact.std(0) / np.sqrt(len(found))
  assert np.all(np.abs(found.mean(0) - exact.mean(0)) <= 4 * error + 1e-6)
  assert np.max(np.abs(exact.mean(0)) / (error + 1e-6)) > 20


def test_the_better_of_two_is_the_champion():
  built = build(space=SMALL)
  slopes = tf.random.stateless_normal(built.op.shape, [1, 2])

  def loss(batch, arch):
    del batch
    return tf.reduce_sum(slopes * arch.op)

  step = tf.function(
    lambda at: (built.update(tiny.arch_step(loss, at=at)), built.mode()),
    autograph=False,
  )
  best = float(loss(None, built.mode()))
  losses = [best]
  for i in range(25):
    other = built.draw(tiny.progress(i), 1)
    value, champion = step(tiny.progress(i))
    best = min(best, float(loss(None, other)))
    assert float(value) == pytest.approx(best)
    assert float(loss(None, champion)) == pytest.approx(best)
    losses.append(best)
  assert len(set(losses)) > 2 and int(built.num_compared) == 25


def test_one_that_is_not_finite_is_no_champion():
  built = build(space=SMALL)
  before = built.genotype()
  broken = arch_weights.one_hot(before, SMALL)

  def loss(batch, arch):
    del batch
    same = tf.reduce_all(arch.op == broken.op)
    return tf.where(same, float('nan'), 1.0)

  step = tiny.arch_step(loss, at=tiny.progress(3))
  assert float(built.update(step)) == 1
  assert built.genotype() != before


def test_the_end_is_the_best_of_what_it_scored():
  settings = dict(population_size=6, num_generations=4)
  built = build(space=SMALL, **settings)
  rng, asked = np.random.default_rng(0), []

  def score(genotype):
    asked.append(genotype)
    return rng.normal()

  scores = built.conclude(score)
  assert list(scores.values()) == sorted(scores.values())
  assert built.genotype() == next(iter(scores))
  assert len(asked) == len(set(asked)) == built.num_scored == 24


def test_a_budget_is_kept_from_the_first_champion_on():
  """Of cells: what is found is never beyond it, by the exact count."""
  config = config_lib.Config.from_dict(
    {
      'data': {'crop_size': [65, 97]},
      'network': {'filter_multiplier': 4},
      'search': {'cost_budget': 9e5},
    }
  )
  wide = search_space.SearchSpace(
    cell_space.CellSpace(
      2, (primitives.NONE, primitives.SKIP, primitives.SEP_CONV_3X3)
    ),
    lattice.Lattice(3),
    2,
  )
  term = cost_term.build(config, wide, 3)
  built = build(space=wide, population_size=8, num_generations=4)
  assert np.mean([term.is_within(wide.random(i)) for i in range(50)]) < 0.3
  cost_term.attach(built, term)

  def wants_convolutions(batch, arch):
    del batch
    return -tf.reduce_sum(arch.op[:, 2])

  step = tf.function(
    lambda at: built.update(tiny.arch_step(wants_convolutions, at=at)),
    autograph=False,
  )
  for i in range(20):
    assert term.is_within(built.genotype())
    step(tiny.progress(i))
  assert (
    built.costs.state(
      arch_weights.ArchWeights(*map(np.asarray, built.mode())),
      built.genotype(),
      decode.RATIO,
    ).found
    <= 9e5
  )
  scores = built.conclude(lambda found: float(found.num_layers))
  assert all(map(term.is_within, scores)) and len(scores) > 8


def test_the_cost_of_a_path_is_that_of_its_architecture():
  config = config_lib.Config.from_dict({'search': {'cost_budget': 1e13}})
  for measure in ('macs', 'cell_macs', 'params', 'activation_bytes'):
    settings = config.to_dict()
    settings['search']['cost_measure'] = measure
    term = cost_term.build(
      config_lib.Config.from_dict(settings), brute_force.space(3), 3
    )
    space = term.model.space
    for seed in range(5):
      found = space.random(seed)
      weights = arch_weights.ArchWeights(
        *map(tf.constant, arch_weights.one_hot(found, space))
      )
      expected = term.model.measure(found, measure)
      assert float(term.of_path(weights)) == pytest.approx(expected, rel=1e-9)
      drawn = term.random(np.random.default_rng(seed))
      assert term.is_within(drawn) and drawn in space


@both
def test_every_seed_draws_its_own(sampling):
  drawn = [samples(build(sampling, seed=seed), 12) for seed in (0, 1)]
  for first, second in zip(*drawn):
    assert np.any(first != second)
