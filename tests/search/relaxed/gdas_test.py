"""GDAS: one-hot forward, the Gumbel softmax backward."""

import numpy as np

from deeplab_nas.space import lattice, search_space
from tests.search import tiny
from tests.search.relaxed import brute_force, toy


def test_the_gradient_is_the_expected_straight_through_one():
  space, loss = brute_force.space(2), brute_force.loss_of(2)
  built = toy.build('gdas', space, arch_init_stddev=0.7)
  rows = brute_force.Rows(built.params)
  tau = 10.0 + 0.9 * (0.1 - 10.0)
  means = [np.exp(x) / np.exp(x).sum() for x in rows.logits]
  losses = rows.conditional_losses(loss, means)
  # That of the expected loss for the moves, the rows after the two edges.
  expected = list(map(brute_force.softmax_slopes, rows.logits, losses))
  for edge in range(2):
    c = losses[edge]
    _, slope = brute_force.gumbel_of_two(rows.logits[edge], tau)
    expected[edge] = slope * np.array([c[0] - c[1], c[1] - c[0]])
  estimate = brute_force.estimates(built, loss, num_draws=6000, fraction=0.9)
  brute_force.assert_agrees(rows, estimate, expected)


def test_a_draw_is_one_operation_for_each_edge_and_one_path():
  space = search_space.SearchSpace(
    tiny.SPACE.cell, lattice.Lattice(5), tiny.SPACE.filter_multiplier
  )
  built, paths = toy.build('gdas', space), set()
  for i in range(30):
    op, transition = map(np.asarray, built.sample(tiny.progress(i)))
    np.testing.assert_array_equal(np.sort(op), [[0, 0, 0, 1]] * len(op))
    assert set(transition.ravel()) == {0, 1}
    moved = [np.argwhere(of_layer) for of_layer in transition]
    path = tuple(int(level + move - 1) for ((level, move),) in moved)
    assert space.lattice.is_path(path)
    assert [int(level) for ((level, _),) in moved] == [0, *path[:-1]]
    paths.add(path)
  assert len(paths) > 10
