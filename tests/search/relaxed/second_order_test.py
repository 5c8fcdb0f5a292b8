"""DARTS of second order, against the exact product with the Hessian."""

import numpy as np
import pytest
import tensorflow as tf

from deeplab_nas.search.relaxed import strategy, supernet_weights
from tests.search import tiny
from tests.search.relaxed import toy

XI = 0.3


class Model:
  """Two weights, of which the loss is curved together with alpha and beta."""

  def __init__(self):
    rng = np.random.default_rng(0)
    built = toy.build('second_order')
    shapes = built.params.alpha.shape, built.params.beta.shape
    self.w = [tf.Variable(rng.normal(size=s), dtype=tf.float32) for s in shapes]
    self.weights = supernet_weights.SupernetWeights(
      self.w, lambda: XI, self.loss
    )

  def loss(self, batch, arch):
    inner = [tf.reduce_sum(w * x * batch) for w, x in zip(self.w, arch)]
    squares = [tf.nn.l2_loss(w - batch) for w in self.w]
    return tf.tanh(tf.add_n(inner)) + 0.1 * tf.add_n(squares)


def exact(model, built, train, val):
  """Eq. (7) by tapes through the virtual step."""
  learnt = [*built.learnt.values()]
  with tf.GradientTape() as outer:
    arch = built.mode()
    with tf.GradientTape() as inner:
      loss = model.loss(train, arch)
    ahead = [w - XI * g for w, g in zip(model.w, inner.gradient(loss, model.w))]
    stepped = Model.__new__(Model)
    stepped.w = ahead
    value = stepped.loss(val, arch)
  return value, outer.gradient(value, learnt)


def test_it_agrees_with_the_exact_product_with_the_hessian():
  model = Model()
  built = toy.build('second_order', arch_init_stddev=1.0)
  train, val = tf.constant(0.7), tf.constant(-0.4)
  step = strategy.ArchStep(
    train, val, tiny.progress(), model.loss, model.weights, model.loss
  )
  before = [w.numpy() for w in model.w]
  value, found = built.gradients(step)
  expected_value, expected = exact(model, built, train, val)
  assert float(value) == pytest.approx(float(expected_value), rel=1e-5)
  first = toy.build('first_order', arch_init_stddev=1.0).gradients(step)[1]
  for gradient, other, of_first in zip(found, expected, first):
    scale = np.abs(other).max()
    np.testing.assert_allclose(gradient, other, atol=0.01 * scale)
    assert np.abs(of_first - other).max() > 0.1 * scale
  for old, w in zip(before, model.w):
    np.testing.assert_array_equal(old, w)


def test_with_no_learning_rate_it_is_first_order():
  model = toy.Toy(
    lambda batch, arch: tf.reduce_sum(arch.op[:, 0]), learning_rate=0.0
  )
  step = model.step(tiny.progress())
  second, first = (
    toy.build(name, arch_init_stddev=1.0).gradients(step)[1]
    for name in ('second_order', 'first_order')
  )
  for a, b in zip(second, first):
    np.testing.assert_allclose(a, b, atol=1e-6)
