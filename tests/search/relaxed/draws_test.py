"""Draws depend on seed and progress, and lead where moves lead."""

import numpy as np
import tensorflow as tf

from deeplab_nas.nn.supernet import path_flow
from deeplab_nas.search.relaxed import arch_params, draws
from deeplab_nas.space import lattice
from tests.search import tiny


def test_keys_differ_by_seed_step_and_number():
  keys = {
    tuple(draws.key(seed, tiny.progress(step), number).numpy())
    for seed in range(3)
    for step in range(3)
    for number in range(64)
  }
  assert len(keys) == 3 * 3 * 64


def test_noise_is_gumbels():
  noise = draws.gumbel([20_000], tf.constant([0, 1])).numpy()
  assert np.isfinite(noise).all()
  assert abs(noise.mean() - np.euler_gamma) < 5 * 1.283 / np.sqrt(20_000)
  assert abs((noise < 0).mean() - np.exp(-1)) < 0.02


def test_the_largest_of_a_draw_is_chosen_by_the_softmax():
  params = arch_params.ArchParams(tiny.SPACE, stddev=1.0)
  op, moves = draws.concrete(params, 0, tiny.progress(), 0, 0.5)
  np.testing.assert_allclose(np.sum(op, -1), 1, rtol=1e-5)
  assert np.all(np.asarray(moves)[~tiny.SPACE.lattice.legal] == 0)
  expected = params.weights().op.numpy()

  def draw(step):
    op, _ = draws.concrete(params, 0, tiny.progress(step), 0, 0.5)
    return draws.one_hot(op, tf.ones(op.shape, bool))

  @tf.function(autograph=False)
  def drawn():
    steps = tf.range(600, dtype=tf.int64)
    return tf.map_fn(draw, steps, fn_output_signature=tf.float32)

  counts = tf.reduce_sum(drawn(), 0).numpy()
  error = np.sqrt(expected * (1 - expected) / 600)
  assert np.all(np.abs(counts / 600 - expected) < 5 * error)


def test_only_what_is_legal_is_chosen():
  legal = np.array([[True, False, True], [False, False, False]])
  chosen = draws.one_hot(tf.constant([[0.0, 9.0, 1.0], [1.0, 2.0, 3.0]]), legal)
  np.testing.assert_array_equal(chosen, [[0, 0, 1], [0, 0, 0]])


def test_straight_through_is_hard_exactly_and_has_the_soft_gradient():
  soft = tf.constant([0.1, 0.7, 0.2])
  hard = tf.constant([0.0, 1.0, 0.0])
  slopes = tf.constant([3.0, 5.0, 7.0])
  with tf.GradientTape() as tape:
    tape.watch(soft)
    value = draws.straight_through(hard, soft)
    loss = tf.reduce_sum(slopes * value)
  np.testing.assert_array_equal(value, hard)
  np.testing.assert_array_equal(tape.gradient(loss, soft), slopes)


def test_transitions_of_one_hot_moves_are_a_path():
  grid = lattice.Lattice(4, (4, 8, 16))
  rng = np.random.default_rng(0)
  for _ in range(5):
    scores = rng.normal(size=grid.legal.shape)
    moves = draws.one_hot(tf.constant(scores, tf.float32), grid.legal)
    path, level = [], 0
    for layer in range(grid.num_layers):
      level += int(np.argmax(moves[layer, level])) - 1
      path.append(level)
    expected = np.zeros(grid.legal.shape)
    for edge in grid.path_edges(path):
      expected[edge.index] = 1
    found = path_flow.through_transitions(moves, grid)
    np.testing.assert_array_equal(found, expected)


def test_transitions_of_probabilities_are_those_of_all_paths():
  grid = lattice.Lattice(3, (4, 8, 16))
  logits = np.random.default_rng(1).normal(size=grid.legal.shape)
  moves = arch_params.transition_probs(tf.constant(logits, tf.float32), grid)
  expected = np.zeros(grid.legal.shape)
  for path in grid.paths():
    edges = grid.path_edges(path)
    probability = np.prod([moves[edge.index] for edge in edges])
    for edge in edges:
      expected[edge.index] += probability
  np.testing.assert_allclose(
    path_flow.through_transitions(moves, grid), expected, atol=1e-6
  )


def test_a_temperature_falls_in_a_line():
  at = [
    float(draws.temperature(tiny.progress(0, f), 10.0, 0.1))
    for f in (0, 0.5, 1)
  ]
  np.testing.assert_allclose(at, [10, 5.05, 0.1], rtol=1e-5)
