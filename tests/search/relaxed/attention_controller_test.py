"""The controller's distribution, against the enumeration of all decisions."""

import itertools

import numpy as np
import pytest
import scipy.stats
import tensorflow as tf

from deeplab_nas.search.relaxed import attention_controller, draws
from deeplab_nas.space import cell_space, lattice, primitives, search_space
from tests.search import tiny

# A choice of `none`, a block with three sources, nodes of two and three moves.
SPACE = search_space.SearchSpace(
  cell_space.CellSpace(
    2, (primitives.NONE, primitives.SKIP, primitives.SEP_CONV_3X3)
  ),
  lattice.Lattice(2),
  1,
)
NUM_PATHS = 5  # from 2 nodes of layer 1, with 2 and 3 moves
NUM_CELLS = 2**2 * 3 * 2**2  # sources in no order


def made(space=SPACE, seed=0, scale=12.0):
  """With weights far from those of the start."""
  controller = attention_controller.AttentionController(space, 4, 1.1, seed)
  for variable in controller.trainable_variables:
    variable.assign(scale * variable)
  return controller


def every_sequence():
  """All legal ones: moves, then two sources and two primitives a block."""
  moves = [
    (first, second)
    for first in (1, 2)
    for second in ((1, 2) if first == 1 else (0, 1, 2))
  ]
  blocks = [
    [
      (*sources, *chosen)
      for sources in itertools.permutations(range(2 + block), 2)
      for chosen in itertools.product(range(2), repeat=2)
    ]
    for block in range(2)
  ]
  return np.array([sum(x, ()) for x in itertools.product(moves, *blocks)])


def as_bytes(weights, row):
  return b''.join(np.asarray(part[row]).tobytes() for part in weights)


def test_probabilities_of_all_architectures_sum_to_1():
  sequences = every_sequence()
  drawn = made().given(tf.constant(sequences))
  probs = np.exp(drawn.log_prob.numpy().astype(np.float64))
  assert probs.sum() == pytest.approx(1, abs=1e-5)
  # The sources of both blocks in either order.
  assert len(sequences) == 4 * NUM_PATHS * NUM_CELLS
  of_each = {}
  for row, prob in enumerate(probs):
    key = as_bytes(drawn.weights, row)
    of_each[key] = of_each.get(key, 0) + prob
  assert len(of_each) == NUM_PATHS * NUM_CELLS
  assert max(of_each.values()) > 5 * min(of_each.values())
  op, transition = map(np.asarray, drawn.weights)
  np.testing.assert_array_equal(op[..., 0], 0)  # `none`
  np.testing.assert_array_equal(op[:, :2].sum((1, 2)), 2)
  np.testing.assert_array_equal(op[:, 2:].sum((1, 2)), 2)
  assert set(op.ravel()) == {0, 1}
  np.testing.assert_array_equal(transition[:, ~SPACE.lattice.legal], 0)
  np.testing.assert_array_equal(transition.sum((2, 3)), 1)


def test_draws_are_as_frequent_as_they_are_probable():
  """A chi-squared test of 3000 draws, in ten groups of about equal mass."""
  controller = made()
  noise = draws.gumbel(
    (3000, controller.num_decisions, controller.max_options),
    tf.constant([1, 2]),
  )
  drawn = controller.sample(3000, noise)
  everything = every_sequence()
  probs = np.exp(controller.given(tf.constant(everything)).log_prob.numpy())
  rows = {tuple(sequence): i for i, sequence in enumerate(everything)}
  seen = [rows[tuple(sequence)] for sequence in drawn.choices.numpy()]
  order = np.argsort(probs)
  groups = np.minimum(np.cumsum(probs[order]) * 10, 9.999).astype(int)
  counts = np.bincount(seen, minlength=len(probs))[order]
  found = np.bincount(groups, counts, minlength=10)
  expected = np.bincount(groups, probs[order], minlength=10)
  p = scipy.stats.chisquare(found, 3000 * expected / expected.sum()).pvalue
  assert p > 1e-4
  np.testing.assert_allclose(
    drawn.log_prob, np.log(probs[seen]), rtol=1e-4, atol=1e-5
  )


def test_the_entropy_is_that_of_the_decisions_on_the_way():
  controller = made(tiny.SPACE)
  tables = []

  def greedily(t, log_probs):
    tables.append(np.exp(log_probs[0].numpy().astype(np.float64)))
    return tf.argmax(log_probs, 1)

  drawn = controller.follow(1, greedily)
  expected = sum(scipy.stats.entropy(table) for table in tables)
  assert len(tables) == controller.num_decisions
  assert float(drawn.entropy[0]) == pytest.approx(expected, rel=1e-4)
  again = controller.greedy()
  np.testing.assert_array_equal(again.choices, drawn.choices)
  assert max(map(len, tables)) <= controller.max_options


def test_at_the_start_legal_choices_are_about_equally_probable():
  controller = attention_controller.AttentionController(SPACE, 64, 1.1, 0)

  def first(t, log_probs):
    legal = np.isfinite(log_probs[0])
    assert np.ptp(log_probs[0].numpy()[legal]) < 0.2
    return tf.argmax(log_probs, 1)

  controller.follow(1, first)
