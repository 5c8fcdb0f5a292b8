"""What the strategies that descend a gradient have in common."""

import numpy as np
import pytest
import tensorflow as tf

from tests.search import tiny
from tests.search.relaxed import toy


def test_the_settings_name_it():
  built = toy.build('first_order', arch_weight_decay=0.5)
  assert built.name == 'first_order' and built.weight_decay == 0.5
  assert list(built.learnt) == ['alpha', 'beta']


def test_gradients_are_those_of_the_loss_without_decay():
  built = toy.build('first_order', arch_weight_decay=0.5, arch_init_stddev=1.0)
  slopes = np.random.default_rng(0).normal(size=built.mode().op.shape)
  step = tiny.arch_step(
    lambda batch, arch: tf.reduce_sum(tf.constant(slopes, tf.float32) * arch.op)
  )
  value, (of_alpha, of_beta) = built.gradients(step)
  op = built.mode().op.numpy()
  mean = (op * slopes).sum(-1, keepdims=True)
  np.testing.assert_allclose(of_alpha, op * (slopes - mean), atol=1e-6)
  np.testing.assert_array_equal(of_beta, 0)
  assert float(value) == pytest.approx((op * slopes).sum(), rel=1e-5)
  regularized = built.regularized([of_alpha, of_beta], [*built.learnt.values()])
  np.testing.assert_allclose(
    regularized[1], 0.5 * built.params.beta.numpy(), rtol=1e-6
  )


def test_gradients_are_told_before_decay_and_as_zeros_after_a_bad_step():
  built = toy.build('first_order', arch_weight_decay=0.5)
  told = []
  built.on_gradients = lambda gradients: told.append(gradients)
  for value in (1.0, float('nan')):
    built.update(
      tiny.arch_step(lambda batch, arch, v=value: v * tf.reduce_sum(arch.op**2))
    )
  good, bad = told
  assert np.any(good[0] != 0)
  for gradient in bad:
    np.testing.assert_array_equal(gradient, 0)
