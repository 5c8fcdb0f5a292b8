"""The heads that a path does not reach."""

import numpy as np
import pytest
import tensorflow as tf

from deeplab_nas.nn.kernels import phases
from deeplab_nas.nn.supernet import head as head_lib
from deeplab_nas.nn.supernet.sampled import head as sampled_head


def build():
  tf.keras.utils.set_random_seed(0)
  head = head_lib.SearchASPP(16, 6, 4)
  head.build([None, None, None, 6])
  for variable in head.variables:
    variable.assign_add(tf.random.uniform(variable.shape, 0.1, 0.5))
  return head


@pytest.mark.parametrize('phase', [phases.LOOK_AHEAD, phases.INFERENCE])
def test_zeros_give_one_value_at_all_pixels(phase):
  head = build()
  expected = head(tf.zeros([2, 5, 7, 6]), phase)
  actual = tf.broadcast_to(sampled_head.of_zeros(head, phase), expected.shape)
  np.testing.assert_allclose(actual, expected, rtol=1e-5, atol=1e-6)


def test_what_zeros_touch_is_what_their_gradient_reaches():
  head = build()
  with tf.GradientTape() as tape:
    logits = head(tf.zeros([2, 5, 7, 6]), phases.LOOK_AHEAD)
    loss = tf.reduce_sum(logits * tf.random.stateless_normal([4], [0, 1]))
  gradients = tape.gradient(loss, head.trainable_variables)
  reached = {
    variable.ref()
    for variable, gradient in zip(head.trainable_variables, gradients)
    if np.any(gradient)
  }
  assert {x.ref() for x in sampled_head.touched_by_zeros(head)} == reached


@pytest.mark.parametrize('is_end', [True, False])
def test_logits_and_gradients_are_those_of_the_head(is_end):
  head = build()
  x = tf.random.stateless_normal([2, 5, 7, 6], [0, 2])
  seen = x if is_end else tf.zeros_like(x)
  results = []
  for compute in (
    lambda: head(seen, phases.LOOK_AHEAD),
    lambda: sampled_head.logits(
      head, x, tf.constant(is_end), tf.constant([5, 7]), phases.LOOK_AHEAD
    ),
  ):
    with tf.GradientTape() as tape:
      tape.watch(x)
      logits = tf.broadcast_to(compute(), [2, 5, 7, 4])
      loss = tf.reduce_sum(logits**2)
    sources = head.trainable_variables + is_end * [x]
    gradients = tape.gradient(loss, sources, unconnected_gradients='zero')
    results.append([logits, *gradients])
  for actual, expected in zip(*reversed(results)):
    np.testing.assert_allclose(actual, expected, rtol=1e-4, atol=1e-4)
