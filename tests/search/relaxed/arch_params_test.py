"""alpha and beta, and how they are normalised."""

import numpy as np
import pytest
import tensorflow as tf

from deeplab_nas.search.relaxed import arch_params
from deeplab_nas.space import cell_space, lattice, search_space


@pytest.mark.parametrize('num_layers', [1, 2, 5, 12])
def test_outgoing_betas_sum_to_one_and_illegal_moves_are_zero(num_layers):
  grid = lattice.Lattice(num_layers)
  logits = np.random.default_rng(0).normal(scale=5, size=grid.legal.shape)
  probs = arch_params.transition_probs(tf.constant(logits, tf.float32), grid)
  probs = probs.numpy()
  np.testing.assert_array_equal(probs[~grid.legal], 0)
  exists = grid.legal.any(-1)
  np.testing.assert_allclose(probs.sum(-1)[exists], 1, rtol=1e-6)
  np.testing.assert_array_equal(probs.sum(-1)[~exists], 0)
  ratio = probs[0, 0, lattice.DOWN] / probs[0, 0, lattice.SAME]
  expected = logits[0, 0, lattice.DOWN] - logits[0, 0, lattice.SAME]
  np.testing.assert_allclose(np.log(ratio), expected, rtol=1e-4)


def test_extreme_logits_stay_finite():
  grid = lattice.Lattice(3)
  logits = tf.Variable(np.where(grid.legal, 1e4, -1e4).astype(np.float32))
  with tf.GradientTape() as tape:
    probs = arch_params.transition_probs(logits, grid)
    objective = tf.reduce_sum(probs * probs)
  gradient = tape.gradient(objective, logits).numpy()
  assert np.isfinite(probs).all() and np.isfinite(gradient).all()
  np.testing.assert_array_equal(gradient[~grid.legal], 0)


def test_starts_near_uniform_as_the_paper_draws_it():
  params = arch_params.ArchParams(search_space.SearchSpace(), stddev=1e-3)
  assert params.alpha.shape == (20, 8)
  assert params.beta.shape == (12, 4, 3)
  np.testing.assert_allclose(np.std(params.alpha), 1e-3, rtol=0.3)
  np.testing.assert_allclose(params.weights().op, 1 / 8, rtol=0.01)


def test_seed_decides_the_draw():
  space = search_space.SearchSpace()
  alphas = [
    arch_params.ArchParams(space, seed=s).alpha.numpy() for s in (1, 1, 2)
  ]
  np.testing.assert_array_equal(alphas[0], alphas[1])
  assert np.any(alphas[0] != alphas[2])


def test_without_partial_channels_there_is_no_gamma():
  params = arch_params.ArchParams(search_space.SearchSpace())
  assert params.gamma is None
  assert len(params.trainable_variables) == 2


def test_with_partial_channels_edges_into_a_block_share_a_weight_of_one():
  space = search_space.SearchSpace(partial_channels=4)
  params = arch_params.ArchParams(space, stddev=1.0)
  assert params.gamma.shape == (20,)
  by_edge = np.sum(params.weights().op, axis=-1)
  blocks = [edge.block for edge in space.cell.edges]
  np.testing.assert_allclose(np.bincount(blocks, by_edge), 1, rtol=1e-6)
  ratio = by_edge[1] / by_edge[0]
  expected = params.gamma[1] - params.gamma[0]
  np.testing.assert_allclose(np.log(ratio), expected, rtol=1e-4)
  # alpha and beta are those that there would be without.
  without = arch_params.ArchParams(search_space.SearchSpace(), stddev=1.0)
  np.testing.assert_array_equal(params.alpha, without.alpha)
  np.testing.assert_array_equal(params.beta, without.beta)
  shares = params.weights().op / by_edge[:, np.newaxis]
  np.testing.assert_allclose(shares, without.weights().op, rtol=1e-5)


def test_source_probs_by_hand():
  logits = np.log(np.array([1, 3, 1, 1, 2], np.float32))
  probs = arch_params.source_probs(logits, cell_space.CellSpace(2))
  np.testing.assert_allclose(probs, [0.25, 0.75, 0.25, 0.25, 0.5], rtol=1e-6)
