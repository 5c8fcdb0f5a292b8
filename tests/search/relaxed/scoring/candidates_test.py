"""The losses of several architectures on one batch."""

import numpy as np
import tensorflow as tf

from deeplab_nas.search.relaxed.scoring import candidates
from deeplab_nas.space import arch_weights
from tests.search import tiny

RNG = np.random.default_rng(0)
WEIGHTS = arch_weights.ArchWeights(
  *(tf.constant(RNG.normal(size=s), tf.float32) for s in ([4, 2, 3], [4, 2, 4]))
)


def loss(batch, arch):
  return batch * tf.reduce_sum(arch.op) - tf.reduce_max(arch.transition)


def test_each_has_the_loss_that_it_has_alone():
  step = tiny.arch_step(loss, val=tf.constant(3.0))
  expected = [
    loss(3.0, candidates.at(WEIGHTS, i)).numpy() for i in range(len(WEIGHTS.op))
  ]
  np.testing.assert_allclose(candidates.losses(step, WEIGHTS), expected)
  some = candidates.losses(step, WEIGHTS, tf.constant(2))
  np.testing.assert_allclose(some, [*expected[:2], 0, 0])


def test_only_those_asked_for_are_computed():
  seen = []

  def noted(batch, arch):
    tf.py_function(lambda: seen.append(1), [], [])
    return loss(batch, arch)

  step = tiny.arch_step(noted, val=tf.constant(1.0))
  candidates.losses(step, WEIGHTS, tf.constant(3))
  assert len(seen) == 3


def test_a_loss_that_is_no_number_is_that_of_its_own_alone():
  step = tiny.arch_step(
    lambda batch, arch: tf.where(
      arch.op[0, 0] == WEIGHTS.op[1, 0, 0], float('nan'), 1.0
    )
  )
  found = candidates.losses(step, WEIGHTS).numpy()
  np.testing.assert_array_equal(np.isnan(found), [False, True, False, False])
