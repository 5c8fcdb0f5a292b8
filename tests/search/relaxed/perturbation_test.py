"""Deciding by removal, against the same in NumPy on a tiny space."""

import numpy as np
import pytest
import tensorflow as tf

from deeplab_nas.config import relaxed_strategies
from deeplab_nas.search.relaxed import perturbation
from deeplab_nas.space import (
  arch_weights,
  cell_space,
  lattice,
  primitives,
  search_space,
)
from tests.search import tiny
from tests.search.relaxed import toy

SPACE = search_space.SearchSpace(
  cell_space.CellSpace(
    2, (primitives.NONE, primitives.SKIP, primitives.SEP_CONV_3X3)
  ),
  lattice.Lattice(3),
  1,
)
NUM_PATHS = 4
NUM_DECISIONS = 5 + 1 + 6
NUM_OP = 15
RNG = np.random.default_rng(1)
TABLES = [
  RNG.normal(size=[x, x]).astype(np.float32)
  for x in (NUM_OP, SPACE.lattice.legal.size)
]


def loss(batch, arch):
  """Quadratic, so that decisions depend on those before them."""
  del batch
  flat = [tf.reshape(part, [1, -1]) for part in arch]
  return tf.add_n(
    [tf.reduce_sum((x @ table) * x) for x, table in zip(flat, TABLES)]
  )


def build(space=SPACE, seed=0, search=None, **settings):
  section = relaxed_strategies.PerturbationConfig(
    num_paths=NUM_PATHS, **settings
  )
  search = search or {}
  return toy.build('perturbation', space, seed, section, **search)


def even(op, moves):
  return arch_weights.ArchWeights(
    *(
      (x / np.maximum(x.sum(-1, keepdims=True), 1)).astype(np.float32)
      for x in (op, moves)
    )
  )


def costs(value, op, moves, places, part):
  """Of the removal of each of some sets of places in op (0) or moves (1)."""
  found = []
  for place in places:
    pair = [op.copy(), moves.copy()]
    pair[part][place] = 0
    found.append(value(even(*pair)) - value(even(op, moves)))
  return np.array(found)


def by_hand(order, value):
  """The algorithm, of the loss alone: all decisions, then the best path."""
  op, moves = np.ones([5, 3]), SPACE.lattice.legal.astype(float)
  gains = np.zeros(moves.shape)
  nodes = np.argwhere(SPACE.lattice.legal.sum(-1) > 1)
  for number in order:
    if number < 5:
      found = costs(value, op, moves, [(number, 1), (number, 2)], 0)
      op[number] = np.eye(3)[1 + np.argmax(found)]
    elif number == 5:
      found = costs(value, op, moves, [2, 3, 4], 0)
      op[2 + np.argmin(found)] = 0
    else:
      layer, level = nodes[number - 6]
      legal = np.flatnonzero(SPACE.lattice.legal[layer, level])
      places = [(layer, level, move) for move in legal]
      gains[layer, level, legal] = costs(value, op, moves, places, 1)
  paths = [SPACE.lattice.path_edges(p) for p in SPACE.lattice.paths()]
  sums = [sum(gains[edge.index] for edge in path) for path in paths]
  best = []
  for row in np.argsort(sums)[::-1][:NUM_PATHS]:
    alone = np.zeros(moves.shape)
    for edge in paths[row]:
      alone[edge.index] = 1
    best.append((value(even(op, alone)), alone))
  return even(op, min(best, key=lambda pair: pair[0])[1])


@pytest.mark.parametrize(
  'num_steps, settings',
  [
    (400, {}),
    (400, {'num_batches': 2}),
    (400, {'start': 0.2, 'tuning': 0.8}),
    (400, {'start': 0.0, 'tuning': 0.0}),
    (40, {'tuning': 0.9}),
  ],
)
def test_the_mean_cost_is_that_of_the_losses_asked_for(num_steps, settings):
  count = tf.Variable(0.0)

  def counted(batch, arch):
    count.assign_add(1)
    return loss(batch, arch)

  built = build(search={'arch_start_epoch': 0}, **settings)
  run = toy.compiled(built, counted, SPACE, num_steps)
  run(0, 1)
  first = float(count)
  run(1, num_steps)
  mean = float(count) / num_steps / first
  assert built.mean_cost(num_steps) == pytest.approx(mean, rel=0.1)
  assert mean > 1.5 or first > 1


@pytest.mark.parametrize('num_steps', [200, 33])
def test_decisions_are_those_of_the_algorithm(num_steps):
  """With many steps for each decision, and with one for each."""
  for seed in range(3):
    built = build(seed=seed)
    model = toy.Toy(loss, SPACE)
    toy.compiled(built, loss, SPACE, num_steps, model)(0, num_steps)
    assert int(built.num_decided) == NUM_DECISIONS
    assert built.least_steps == 32

    def value(arch, model=model):
      return float(model.loss(None, arch))

    expected = by_hand(built.order.numpy(), value)
    for found, wanted in zip(built.mode(), expected):
      np.testing.assert_allclose(found, wanted, atol=1e-6)


def test_all_candidates_of_a_decision_see_the_same_batches():
  """Their losses differ by a constant of the batch, which cancels."""

  def noisy(batch, arch):
    return loss(None, arch) + 1000 * tf.sin(batch)

  found = []
  for function in (loss, noisy):
    built = build()
    toy.compiled(built, function, SPACE, 200)(0, 200)
    found.append(built.removal_costs.numpy())
  np.testing.assert_allclose(*found, atol=2e-3)
  assert np.ptp(found[0]) > 0.5


def test_the_weights_train_before_a_decision_which_takes_some_batches():
  built = build(start=0.0, tuning=0.5, num_batches=3)
  num_steps = 10 * (NUM_DECISIONS + NUM_PATHS)  # a window has ten
  steps, found = toy.compiled(built, loss, SPACE, num_steps), []
  for i in range(8):
    steps(i, i + 1)
    found.append((int(built.num_decided), int(built.num_seen)))
  assert found[2:] == [(0, 0), (0, 0), (0, 1), (0, 2), (1, 0), (1, 0)]


def test_where_the_architecture_begins_later_windows_are_equal_all_the_same():
  built = build(start=0.25, tuning=0.5, num_batches=3)
  num_steps = 20 * (NUM_DECISIONS + NUM_PATHS)
  steps, found = toy.compiled(built, loss, SPACE, num_steps), []
  first = num_steps // 2  # what is left has ten steps for each window
  for i in range(first, first + 28):
    steps(i, i + 1)
    found.append(int(built.num_decided))
  assert [found[i] for i in (0, 5, 7, 15, 17, 25, 27)] == [0, 0, 1, 1, 2, 2, 3]


def test_until_deciding_begins_all_weigh_the_same():
  built = build()
  toy.compiled(built, loss, SPACE, 100)(0, 50)
  op, transition = built.mode()
  np.testing.assert_allclose(op, np.full([5, 3], 1 / 3), rtol=1e-6)
  grid = SPACE.lattice.legal
  np.testing.assert_allclose(
    transition, grid / np.maximum(grid.sum(-1, keepdims=True), 1), rtol=1e-6
  )
  assert int(built.num_decided) == 0


def test_while_paths_are_measured_each_step_trains_one_of_them():
  built = build()
  toy.compiled(built, loss, SPACE, 100)(0, 99)
  assert int(built.num_decided) == NUM_DECISIONS
  sample = tf.function(built.sample, autograph=False)
  paths = {
    sample(tiny.progress(i)).transition.numpy().tobytes() for i in range(40)
  }
  assert len(paths) == NUM_PATHS
  assert np.asarray(built.mode().transition).tobytes() in paths


def test_a_short_search_decides_what_it_can():
  built = build()
  toy.compiled(built, loss, SPACE, 12)(0, 12)
  assert 0 < int(built.num_decided) < NUM_DECISIONS
  assert built.genotype() in SPACE


def test_with_partial_channels_the_weights_of_a_block_sum_to_1():
  space = search_space.SearchSpace(SPACE.cell, SPACE.lattice, 2, 2)
  built = build(space)
  toy.compiled(built, loss, space, 200)(0, 160)
  op = np.asarray(built.mode().op)
  np.testing.assert_allclose([op[:2].sum(), op[2:].sum()], 1, rtol=1e-6)


def test_of_equal_candidates_the_first_stay():
  found = perturbation.kept(
    tf.constant([0.0, 3.0, 1.0, 1.0, 9.0]),
    tf.constant([True, True, True, True, False]),
    tf.constant(2),
  )
  np.testing.assert_array_equal(found, [False, True, True, False, False])
