"""Tables of decisions, and paths by sums, against enumeration."""

import numpy as np
import pytest
import tensorflow as tf

from deeplab_nas.search.relaxed.scoring import removals
from deeplab_nas.space import (
  cell_space,
  decode,
  lattice,
  primitives,
  search_space,
)
from tests.search import tiny

SPACE = search_space.SearchSpace(
  cell_space.CellSpace(2, primitives.PRIMITIVES[:4]), lattice.Lattice(3), 1
)


def test_every_edge_block_and_node_is_decided_once():
  table = removals.Removals(SPACE)
  assert [len(group) for group in table.groups] == [5, 1, 6]
  num_primitives, num_op = 4, 20
  for number, edge in zip(table.groups[0], range(5)):
    row = np.zeros([5, num_primitives])
    row[edge] = [0, 1, 1, 1]  # all but `none`
    removed = table.removed[number][table.exists[number]]
    np.testing.assert_array_equal(removed.sum(0)[:num_op], row.ravel())
    np.testing.assert_array_equal(removed.sum(1), 1)
    assert np.flatnonzero(table.also[number]) == [edge * num_primitives]
    assert table.num_kept[number] == 1
  (block,) = table.groups[1]  # the first has two sources, and no choice
  assert table.exists[block].sum() == 3 and table.num_kept[block] == 2
  rows = table.removed[block][:3, :num_op].reshape(3, 5, num_primitives)
  np.testing.assert_array_equal(rows.min(-1), np.eye(5)[2:])
  moves = table.removed[table.groups[2]][..., num_op:].sum((0, 1))
  grid = SPACE.lattice.legal
  expected = grid & (grid.sum(-1, keepdims=True) > 1)
  np.testing.assert_array_equal(moves.reshape(grid.shape), expected)


def test_the_order_is_random_within_each_group():
  table = removals.Removals(SPACE)
  orders = [table.order(seed) for seed in (0, 0, 1)]
  np.testing.assert_array_equal(*orders[:2])
  assert np.any(orders[0] != orders[2])
  for order in orders:
    parts = np.split(order, [5, 6])
    for part, group in zip(parts, table.groups):
      assert sorted(part) == sorted(group)


def test_costs_of_moves_are_put_where_the_moves_are():
  table = removals.Removals(SPACE)
  costs = np.random.default_rng(0).normal(size=table.exists.shape)
  found = table.of_moves(tf.constant(costs, tf.float32)).numpy()
  for number in table.groups[2]:
    for candidate in np.flatnonzero(table.exists[number]):
      entries = table.removed[number, candidate]
      _, place = table.parts(tf.constant(entries))
      assert found[place.numpy() > 0] == pytest.approx(costs[number, candidate])


@pytest.mark.parametrize('grid', [lattice.Lattice(5), lattice.Lattice(2)])
@pytest.mark.parametrize('num', [1, 4, 60])
def test_the_best_paths_are_those_of_all(grid, num):
  gains = np.random.default_rng(num).normal(size=grid.legal.shape)
  found, exists = removals.best_paths(tf.constant(gains, tf.float32), grid, num)
  expected = decode.k_best_paths(np.exp(gains), grid, num, decode.PRODUCT)
  assert exists.numpy().sum() == len(expected) == min(num, grid.num_paths)
  for transition, path in zip(found.numpy(), expected):
    wanted = np.zeros(grid.legal.shape)
    for edge in grid.path_edges(path):
      wanted[edge.index] = 1
    np.testing.assert_array_equal(transition, wanted)


def test_a_space_without_a_choice_of_moves_has_no_costs_of_them():
  space = search_space.SearchSpace(tiny.SPACE.cell, lattice.Lattice(2, (4,)), 1)
  table = removals.Removals(space)
  assert len(table.groups[2]) == 0
  found = table.of_moves(tf.zeros(table.exists.shape))
  np.testing.assert_array_equal(found, np.zeros([2, 1, 3]))
