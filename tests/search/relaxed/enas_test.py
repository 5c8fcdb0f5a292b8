"""ENAS: its gradient against the enumeration of all children."""

import numpy as np
import pytest
import tensorflow as tf

from deeplab_nas.config import relaxed_strategies
from tests.search import tiny
from tests.search.relaxed import attention_controller_test as enumeration
from tests.search.relaxed import brute_force, toy

SPACE = enumeration.SPACE
RNG = np.random.default_rng(3)
# A loss of pairs of choices, so that decisions depend on each other.
TABLES = [
  tf.constant(RNG.normal(size=[size, size]), tf.float32)
  for size in (len(SPACE.cell.edges) * 3, SPACE.lattice.legal.size)
]


def loss(batch, arch):
  del batch
  flat = [tf.reshape(part, [1, -1]) for part in arch]
  return tf.add_n(
    [tf.reduce_sum((x @ table) * x) for x, table in zip(flat, TABLES)]
  )


def build(space=SPACE, seed=0, **settings):
  section = relaxed_strategies.EnasConfig(num_units=4, **settings)
  return toy.build('enas', space, seed=seed, settings=section)


def compiled(built, function):
  return tf.function(
    lambda at, batch: built.update(tiny.arch_step(function, batch, at)),
    autograph=False,
  )


@pytest.mark.parametrize('num_children', [1, 3])
def test_the_gradient_is_that_of_the_enumerated_expectation(num_children):
  """In units of the spread, which is 2 here, whatever the baseline."""
  built = build(num_children=num_children, entropy_weight=0.0)
  for variable in built.learnt.values():
    variable.assign(8 * variable)
  built.baseline.add(tf.constant(0.3))
  built.squares.add(tf.constant(4.0))
  variables = [*built.learnt.values()]
  with tf.GradientTape() as tape:
    drawn = built.controller.given(tf.constant(enumeration.every_sequence()))
    losses = tf.map_fn(
      lambda arch: loss(None, arch),
      drawn.weights,
      fn_output_signature=tf.float32,
    )
    expected = tf.reduce_sum(tf.exp(drawn.log_prob) * losses) / 2
  exact = tape.gradient(expected, variables, unconnected_gradients='zero')
  exact = [*map(tf.convert_to_tensor, exact)]
  means, errors = brute_force.estimates(built, loss, num_draws=1500)
  powers = []
  for mean, error, row in zip(means, errors, exact):
    assert np.all(np.abs(mean - row) < 5 * error + 1e-5)
    powers.append(np.max(np.abs(row) / (error + 1e-5)))
  assert max(powers) > 8  # a gradient of 0 would not agree


def test_equal_losses_leave_only_the_bonus():
  built = build(entropy_weight=1.0, learning_rate=0.03, num_children=4)
  for variable in built.learnt.values():
    variable.assign(15 * variable)
  everything = tf.constant(enumeration.every_sequence())

  def mean_entropy():
    return float(tf.reduce_mean(built.controller.given(everything).entropy))

  before = mean_entropy()
  step = compiled(built, lambda batch, arch: batch)
  for i in range(40):
    assert float(step(tiny.progress(i), tf.constant(2.0))) == 2
  assert mean_entropy() > before + 0.1
  built.settings = relaxed_strategies.EnasConfig(entropy_weight=0.0)
  plain = tiny.arch_step(lambda batch, arch: tf.constant(2.0))
  for gradient in built.gradients(plain)[1]:
    np.testing.assert_array_equal(gradient, tf.zeros_like(gradient))


def test_the_scale_and_the_offset_of_a_loss_do_not_matter():
  """Neither those of all losses, nor the offset of a batch."""
  built, found = build(num_children=3), []
  step = compiled(
    built, lambda batch, arch: batch[0] * loss(None, arch) + batch[1]
  )
  state = [*built.variables, *built.optimizer.variables]
  start = [variable.numpy() for variable in state]
  learnt = [*built.learnt.values()]
  first = [variable.numpy() for variable in learnt]
  for scale, offset in ((1.0, 0.0), (100.0, 7.0)):
    for variable, value in zip(state, start):
      variable.assign(value)
    for i in range(4):
      step(tiny.progress(i), tf.constant([scale, offset * i]))
    found.append([variable.numpy() for variable in learnt])
  for a, b in zip(*found):
    np.testing.assert_allclose(a, b, atol=1e-4)
  assert any(np.any(np.abs(a - b) > 3e-3) for a, b in zip(found[0], first))


def test_the_first_steps_of_one_child_are_no_larger_than_later_ones():
  built, sizes = build(num_children=1, entropy_weight=0.0), []
  for i, value in enumerate([1.0, 1.1, 0.9, 1.1, 1.0, 0.9, 1.05]):
    step = tiny.arch_step(
      lambda *_, v=value: tf.constant(v), at=tiny.progress(i)
    )
    sizes.append(float(tf.linalg.global_norm(built.gradients(step)[1])))
    built.update(step)
  assert sizes[0] == 0
  assert 0 < max(sizes[1:3]) < 3 * max(sizes[3:])


def test_a_child_is_two_connections_for_each_block_and_a_path():
  drawn = build().draw(tiny.progress(5), 0, 20)
  op, transition = map(np.asarray, drawn.weights)
  np.testing.assert_array_equal(op.sum((1, 2)), 4)
  np.testing.assert_array_equal(transition.sum((1, 2, 3)), 2)
  assert len({x.tobytes() for x in op}) > 10
