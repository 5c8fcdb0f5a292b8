"""ProxylessNAS: its gradients against the enumeration of all choices."""

import itertools

import numpy as np
import pytest
import tensorflow as tf
from scipy import special

from deeplab_nas.config import relaxed_strategies
from deeplab_nas.search.relaxed import proxyless
from tests.search import tiny
from tests.search.relaxed import brute_force, toy


def build(gradient, space=tiny.SPACE, **search):
  settings = relaxed_strategies.ProxylessConfig(gradient=gradient)
  return toy.build('proxyless', space, settings=settings, **search)


def over_pairs(logits, of_pair):
  """The mean of what a function of a pair's logits and indices is."""
  probs, total = special.softmax(logits), np.zeros(len(logits))
  for i, j in itertools.permutations(range(len(logits)), 2):
    drawn = probs[i] * probs[j] / (1 - probs[i])
    total[[i, j]] += drawn * of_pair(logits[[i, j]], [i, j])
  return total


@pytest.mark.parametrize('rule', ['full', 'reinforce', 'two_paths'])
def test_the_gradient_is_the_expected_one(rule):
  """Of `full` and `reinforce` that of the expected loss itself."""
  space, loss = brute_force.space(3), brute_force.loss_of(3)
  built = build(rule, space, arch_init_stddev=0.7)
  if rule == 'reinforce':
    built.baseline.add(tf.constant(0.3))
  rows = brute_force.Rows(built.params)
  means = [special.softmax(x) for x in rows.logits]
  if rule == 'two_paths':
    # A gate that is improbable opens more often than by its probability.
    means[:2] = [
      over_pairs(x, lambda y, _: special.softmax(y)) for x in rows.logits[:2]
    ]
  losses = rows.conditional_losses(loss, means)
  expected = list(map(brute_force.softmax_slopes, rows.logits, losses))
  if rule == 'two_paths':
    expected[:2] = [
      over_pairs(x, lambda y, i, c=c: brute_force.softmax_slopes(y, c[i]))
      for x, c in zip(rows.logits[:2], losses)
    ]
  estimate = brute_force.estimates(built, loss, num_draws=6000)
  brute_force.assert_agrees(rows, estimate, expected)


def test_a_draw_opens_one_gate_for_each_edge_and_one_path():
  built = build('two_paths')
  counts = 0
  for i in range(20):
    op, transition = map(np.asarray, built.sample(tiny.progress(i)))
    np.testing.assert_array_equal(np.sort(op), [[0, 0, 0, 1]] * len(op))
    np.testing.assert_array_equal(transition.sum((1, 2)), 1)
    counts += op
  assert np.all(counts.max(-1) < 20)


def test_a_step_moves_two_logits_of_a_row_and_not_their_share():
  built = build('two_paths', arch_init_stddev=1.0)
  old = built.params.alpha.numpy()
  slopes = tf.constant([[1.0, 2.0, 3.0, 4.0]])
  for i in range(3):  # Adam has moments by then
    before = built.params.alpha.numpy()
    built.update(
      tiny.arch_step(
        lambda batch, arch: tf.reduce_sum(slopes * arch.op),
        at=tiny.progress(i),
      )
    )
    after = built.params.alpha.numpy()
    moved = before != after
    np.testing.assert_array_equal(moved.sum(-1), 2)
    for row in range(len(old)):
      a, b = (
        special.softmax(x[row])[moved[row]].sum() for x in (before, after)
      )
      assert a == pytest.approx(b, abs=1e-6)


def test_a_pair_moves_together():
  old = tf.constant([[0.0, 1.0, 2.0]])
  new = tf.constant([[0.5, 1.0, 1.0]])
  pair = tf.constant([[True, False, True]])
  found = proxyless.moved_together(old, new, pair).numpy()
  assert found[0, 1] == 1
  assert found[0, 2] - found[0, 0] == pytest.approx(0.5)
  assert special.logsumexp(found[0, [0, 2]]) == pytest.approx(
    special.logsumexp([0.0, 2.0])
  )


@pytest.mark.parametrize(
  'rule, is_watched',
  [('two_paths', False), ('full', True), ('reinforce', True)],
)
def test_random_walks_stand_beside_what_the_optimizer_alone_moves(
  rule, is_watched
):
  built = build(rule)
  assert hasattr(built, 'on_gradients') == is_watched
  assert (built.baseline is not None) == (rule == 'reinforce')


@pytest.mark.parametrize('rule', ['full', 'reinforce'])
def test_the_other_gradients_find_the_first_primitive(rule):
  """`two_paths` is in optimum_test.py."""
  built = build(rule)
  steps = toy.compiled(built, lambda batch, arch: -tf.reduce_sum(arch.op[:, 0]))
  steps(0, 150)
  first = tiny.SPACE.cell.primitives[0].name
  assert {name for _, name in built.genotype().edges()} == {first}
