"""DrNAS: pathwise gradients of Dirichlet draws, and the distance from even."""

import numpy as np
import pytest
import tensorflow as tf
from scipy import integrate, special, stats

from deeplab_nas.config import relaxed_strategies
from deeplab_nas.search.relaxed import drnas
from tests.search import tiny
from tests.search.relaxed import brute_force, toy


def concentration(logits):
  return np.where(logits > 0, logits + 1, np.exp(np.minimum(logits, 0)))


def test_the_gradient_is_that_of_the_expected_loss():
  space, loss = brute_force.space(3), brute_force.loss_of(3)
  built = toy.build('drnas', space, arch_init_stddev=0.7)
  rows = brute_force.Rows(built.params, takes_path=False)
  c = [concentration(x) for x in rows.logits]
  means = [x / x.sum() for x in c]
  losses = rows.conditional_losses(loss, means)
  expected = [
    np.minimum(x, 1) * (of - mean @ of) / x.sum()  # dc/dlogit is c below 1
    for x, mean, of in zip(c, means, losses)
  ]
  estimate = brute_force.estimates(built, loss)
  brute_force.assert_agrees(rows, estimate, expected)


@pytest.mark.parametrize('c', [0.02, 0.5, 3.0])
def test_draws_are_gamma_distributed_however_small(c):
  logs = drnas.log_gamma_draw(
    tf.fill([4000], float(np.log(c))), tf.constant([1, 2]), tf.constant([3, 4])
  ).numpy()
  assert np.isfinite(logs).all()
  cdf = stats.gamma(c).cdf
  assert stats.kstest(np.exp(logs.astype(np.float64)), cdf).pvalue > 1e-3


def test_far_from_even_nothing_overflows():
  built = toy.build('drnas')
  built.params.alpha.assign(tf.where(built.params.alpha > 0, 30.0, -30.0))
  with tf.GradientTape() as tape:
    loss = tf.reduce_sum(built.sample(tiny.progress()).op[:, 0])
  gradient = tape.gradient(loss, built.params.alpha)
  assert np.isfinite(gradient).all() and np.isfinite(
    built.distance(*built.learnt.values())
  )
  np.testing.assert_allclose(np.sum(built.mode().op, -1), 1, rtol=1e-6)


def test_the_divergence_is_kullback_and_leiblers():
  logs = tf.constant([[np.log(0.7), np.log(2.5), 0.3]], tf.float32)
  legal = tf.constant([[True, True, False]])
  density = stats.beta(0.7, 2.5)
  expected, _ = integrate.quad(
    lambda x: density.pdf(x) * density.logpdf(x), 0, 1
  )
  found = drnas.divergence(logs, legal)
  assert float(found[0]) == pytest.approx(expected, abs=1e-3)
  nothing = drnas.divergence(logs, tf.constant([[False] * 3]))
  assert float(nothing[0]) == 0
  even = drnas.divergence(tf.zeros([1, 3]), tf.fill([1, 3], True))
  assert float(even[0]) == pytest.approx(0, abs=1e-6)


def test_the_distance_pulls_towards_even():
  heavy = relaxed_strategies.DrnasConfig(kl_weight=1.0)
  built = toy.build('drnas', settings=heavy, arch_init_stddev=0.5)
  before = float(built.distance(*built.learnt.values()))
  step = tiny.arch_step(lambda batch, arch: 0.0 * tf.reduce_sum(arch.op))
  for _ in range(3):
    built.update(step)
  assert float(built.distance(*built.learnt.values())) < 0.8 * before


def test_mode_is_the_mean():
  built = toy.build('drnas', arch_init_stddev=1.0)
  c = concentration(built.params.alpha.numpy())
  np.testing.assert_allclose(
    built.mode().op, c / c.sum(-1, keepdims=True), rtol=1e-5
  )
  assert special.softmax(built.params.alpha, -1)[0, 0] != built.mode().op[0, 0]


@pytest.mark.parametrize('kl_weight', [0.0, 1e-3])
def test_the_distance_takes_the_place_of_decay(kl_weight):
  settings = relaxed_strategies.DrnasConfig(kl_weight=kl_weight)
  built = toy.build(
    'drnas', settings=settings, arch_weight_decay=0.5, arch_init_stddev=1.0
  )
  variables = [*built.learnt.values()]
  found = built.regularized([tf.zeros_like(v) for v in variables], variables)
  for gradient, variable in zip(found, variables):
    is_decay = np.allclose(gradient, 0.5 * variable)
    assert is_decay == (kl_weight == 0) and np.any(gradient)


def test_walks_are_pulled_towards_even_from_where_they_are():
  heavy = relaxed_strategies.DrnasConfig(kl_weight=1.0)
  built = toy.build('drnas', settings=heavy, arch_init_stddev=1.0)
  variables = [*built.learnt.values()]
  other = [2 * v for v in variables]
  rows = [tf.stack(pair) for pair in zip(variables, other)]
  found = built.regularized([tf.zeros_like(row) for row in rows], rows)
  for index, where in enumerate((variables, other)):
    alone = built.regularized([tf.zeros_like(v) for v in where], where)
    for row, gradient in zip(found, alone):
      np.testing.assert_allclose(row[index], gradient, rtol=1e-5, atol=1e-6)


def test_noise_is_measured_in_what_decoding_reads():
  built = toy.build('drnas', arch_init_stddev=2.0)
  logits = built.to_logits(built.params.alpha.numpy())
  np.testing.assert_allclose(
    special.softmax(logits, -1), built.mode().op, rtol=1e-5
  )
