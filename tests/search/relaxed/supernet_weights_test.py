"""Gradients that change nothing, and shifts that leave no trace."""

import numpy as np
import pytest
import tensorflow as tf

from deeplab_nas.nn.kernels import phases
from deeplab_nas.nn.supernet import supernet
from deeplab_nas.search.relaxed import arch_params, supernet_weights
from deeplab_nas.space import cell_space, lattice, primitives, search_space
from tests.search import tiny

# One node, since each takes a while to compile.
SPACE = search_space.SearchSpace(
  cell_space.CellSpace(1, (primitives.SKIP, primitives.SEP_CONV_3X3)),
  lattice.Lattice(1, strides=(4,)),
  2,
)
ARCH = arch_params.ArchParams(SPACE).weights()


def weights_of(model):
  def loss(batch, arch):
    images, labels = batch
    logits = model(images, arch, phases.LOOK_AHEAD)
    return tf.reduce_mean(
      tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
    )

  return supernet_weights.SupernetWeights(
    model.trainable_variables, lambda: 0.25, loss
  )


def values(variables):
  return [variable.numpy() for variable in variables]


@pytest.fixture(scope='module')
def model():
  return supernet.Supernet(SPACE, tiny.NUM_CLASSES)


def test_the_gradient_is_that_of_a_weight_step_and_nothing_moves(model):
  weights = weights_of(model)
  before = values(model.variables)
  found = weights.gradient(tiny.batch(0), ARCH)
  for old, variable in zip(before, model.variables):
    np.testing.assert_array_equal(old, variable)
  images, labels = tiny.batch(0)
  variables = model.trainable_variables
  with tf.GradientTape() as tape:
    tape.watch(ARCH)
    logits = model(images, ARCH, phases.WEIGHT_STEP)
    loss = tf.reduce_mean(
      tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
    )
  expected = tape.gradient(loss, [*variables, *ARCH])
  for a, b in zip(expected, [*found.weights, *found.arch], strict=True):
    np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-5)
  assert float(found.loss) == pytest.approx(float(loss), rel=1e-5)
  assert float(weights.learning_rate) == 0.25


def test_shifted_weights_are_restored_bit_for_bit(model):
  weights = weights_of(model)
  before = values(weights.variables)
  deltas = [tf.random.normal(v.shape) for v in weights.variables]

  @tf.function(autograph=False)
  def losses():
    plain = weights.gradient(tiny.batch(0), ARCH).loss
    with weights.shifted(deltas, 0.1):
      seen = [v.read_value() for v in weights.variables]
      moved = weights.gradient(tiny.batch(0), ARCH).loss
    return plain, moved, weights.gradient(tiny.batch(0), ARCH).loss, seen

  plain, moved, again, seen = losses()
  assert float(plain) == float(again) and abs(float(moved - plain)) > 1e-3
  for old, delta, value in zip(before, deltas, seen):
    np.testing.assert_allclose(value, old + 0.1 * delta, atol=1e-6)
  for old, variable in zip(before, weights.variables):
    np.testing.assert_array_equal(old, variable)


def test_they_are_restored_after_an_error_and_after_what_is_no_number(model):
  weights = weights_of(model)
  before = values(weights.variables)
  nothing = [tf.fill(v.shape, float('nan')) for v in weights.variables]
  with pytest.raises(KeyError), weights.shifted(nothing, 1.0):
    raise KeyError
  for old, variable in zip(before, weights.variables):
    np.testing.assert_array_equal(old, variable)
