"""Weights of the lattice's places against sums over all paths."""

import numpy as np
import pytest
import tensorflow as tf

from deeplab_nas.nn.supernet import path_flow
from deeplab_nas.space import Lattice, arch_weights, search_space
from tests.space import enumeration

GRIDS = [Lattice(1), Lattice(4, (4, 8, 16)), Lattice(5)]


def path_probs(moves, grid):
  """The edges of every path, and its probability as a chain of moves."""
  for path in grid.paths():
    edges = grid.path_edges(path)
    yield edges, np.prod([moves[edge.index] for edge in edges])


@pytest.mark.parametrize('grid', GRIDS)
def test_marginals_are_those_of_all_paths(grid):
  moves = enumeration.random_edge_probs(grid, np.random.default_rng(0))
  passing, entered, ends = np.zeros(moves.shape), {}, np.zeros(grid.num_levels)
  for edges, prob in path_probs(moves, grid):
    for edge in edges:
      passing[edge.index] += prob
      entered[edge.target] = entered.get(edge.target, 0) + prob
    ends[edges[-1].target.level] += prob
  tensor = tf.constant(moves, tf.float32)
  found = path_flow.through_transitions(tensor, grid).numpy()
  np.testing.assert_allclose(found, passing, rtol=1e-5)
  mixed, ends_at = path_flow.posterior(tensor, grid)
  np.testing.assert_allclose(ends_at, ends, rtol=1e-5)
  for edge in grid.edges:
    wanted = passing[edge.index] / entered[edge.target]
    assert float(mixed[edge.index]) == pytest.approx(wanted, rel=1e-5)
  np.testing.assert_array_equal(mixed.numpy()[~grid.legal], 0)


def test_of_one_path_all_is_on_it_and_gradients_are_finite():
  space = search_space.SearchSpace(lattice=Lattice(5))
  genotype = space.random(1)
  moves = tf.constant(arch_weights.one_hot(genotype, space).transition)
  with tf.GradientTape() as tape:
    tape.watch(moves)
    mixed, ends_at = path_flow.posterior(moves, space.lattice)
    total = tf.reduce_sum(mixed**2) + tf.reduce_sum(ends_at**2)
  np.testing.assert_array_equal(mixed, moves)
  np.testing.assert_array_equal(
    ends_at, np.eye(space.lattice.num_levels)[genotype.path[-1]]
  )
  assert np.isfinite(tape.gradient(total, moves)).all()
