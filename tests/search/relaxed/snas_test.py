"""SNAS: the gradient of the expectation over concrete draws."""

import numpy as np

from tests.search import tiny
from tests.search.relaxed import brute_force, toy


def test_the_gradient_is_that_of_the_expected_loss():
  space, loss = brute_force.space(2), brute_force.loss_of(2)
  built = toy.build('snas', space, arch_init_stddev=0.7)
  rows = brute_force.Rows(built.params, takes_path=False)
  tau = 1.0 + 0.5 * (0.03 - 1.0)
  means, slopes = zip(*(brute_force.gumbel_of_two(x, tau) for x in rows.logits))
  losses = rows.conditional_losses(loss, means)
  expected = [
    s * np.array([c[0] - c[1], c[1] - c[0]]) for s, c in zip(slopes, losses)
  ]
  estimate = brute_force.estimates(built, loss, fraction=0.5)
  brute_force.assert_agrees(rows, estimate, expected)


def test_draws_become_one_hot():
  built = toy.build('snas')
  early, late = (
    np.mean(
      [np.max(built.sample(tiny.progress(i, f)).op, -1) for i in range(8)]
    )
    for f in (0.0, 1.0)
  )
  assert early < 0.8 and late > 0.93


def test_the_weight_step_and_the_update_have_draws_of_their_own():
  built, seen = toy.build('snas'), []
  at = tiny.progress(3)

  def loss(batch, arch):
    seen.append(arch.op)
    return 0.0 * arch.op[0, 0]

  built.gradients(tiny.arch_step(loss, at=at))
  assert np.all(np.abs(seen[0] - built.sample(at).op) > 0)
