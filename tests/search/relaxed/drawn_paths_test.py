"""What learns which path to take, on a supernet that computes one at a time."""

import itertools

import numpy as np
import pytest
import tensorflow as tf

from deeplab_nas.nn.kernels import phases
from deeplab_nas.space import arch_weights
from tests.search import tiny

NUM_DRAWS = 150


def one_hot(path):
  """Weights of a path, with the first primitive on all edges."""
  op = np.zeros([2, 4], np.float32)
  op[:, 0] = 1
  transition = np.zeros(tiny.SPACE.lattice.legal.shape, np.float32)
  before = 0
  for layer, level in enumerate(path):
    transition[layer, before, level - before + 1] = 1
    before = level
  return arch_weights.ArchWeights(tf.constant(op), tf.constant(transition))


def of_paths(model, loss):
  """dE[L]/dbeta where all moves out of a node are equally probable."""
  legal = tiny.SPACE.lattice.legal
  probs = legal / np.maximum(legal.sum(-1, keepdims=True), 1)
  total = np.zeros(legal.shape)
  for path in itertools.product(range(3), repeat=2):
    if tiny.SPACE.lattice.is_path(path):
      weights = one_hot(path)
      moves = weights.transition.numpy()
      visited = moves.sum(-1, keepdims=True)
      prob = np.prod(probs[moves > 0])
      value = float(loss(tiny.batch(1), weights))
      total += prob * value * (moves - visited * probs)
  return total


@pytest.mark.parametrize('name', ['gdas', 'proxyless'])
def test_beta_descends_the_loss_of_paths_that_are_computed_alone(name):
  """By the gradient of the network it would learn nothing of the others."""
  model = tiny.searcher(strategy=name)
  weight_step = tf.function(model.weight_step, autograph=False)
  for i in range(20):
    weight_step(tiny.batch(i % 4))
  model.strategy.params.alpha.assign([[50.0, 0, 0, 0]] * 2)
  model.strategy.params.beta.assign(tf.zeros_like(model.strategy.params.beta))

  @tf.function(autograph=False)
  def loss(batch, weights):
    images, labels = batch
    logits = model.supernet(images, weights, phases.ARCH_STEP)
    return tf.reduce_mean(
      tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
    )

  @tf.function(autograph=False)
  def gradient(number):
    at = tiny.progress(number)
    step = tiny.arch_step(loss, tiny.batch(1), at)
    return model.strategy.gradients(step)[1][1]

  drawn = np.array([gradient(tf.constant(i)) for i in range(NUM_DRAWS)])
  errors = drawn.std(0, ddof=1) / np.sqrt(NUM_DRAWS)
  expected = of_paths(model, loss)
  assert errors.max() < np.abs(expected).max() / 5
  np.testing.assert_array_less(
    np.abs(drawn.mean(0) - expected), 5 * errors + 1e-4
  )
