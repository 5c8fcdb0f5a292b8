"""A tiny space of which every choice is enumerated, and estimates to compare.

A row is a choice: the operation of an edge, or the move out of a node. The loss
is linear in each row, so that its expectation over independent rows is a sum
over all choices.
"""

import itertools

import numpy as np
import tensorflow as tf
from scipy import integrate, special

from deeplab_nas.nn.supernet import path_flow
from deeplab_nas.search.relaxed import strategy as strategy_lib
from deeplab_nas.space import cell_space, lattice, primitives, search_space
from tests.search.relaxed import toy

GRID = lattice.Lattice(2, (4, 8))  # each of its three nodes has two moves


def space(num_primitives):
  cell = cell_space.CellSpace(1, primitives.PRIMITIVES[3 : 3 + num_primitives])
  return search_space.SearchSpace(cell, GRID, 1)


def loss_of(num_primitives, seed=0):
  """A loss of (batch, arch), linear in each row of both its parts."""
  rng = np.random.default_rng(seed)
  table = tf.constant(rng.normal(size=[num_primitives] * 2), tf.float32)
  slopes = tf.constant(rng.normal(size=GRID.legal.shape), tf.float32)

  def loss(batch, arch):
    del batch
    pairs = arch.op[0][:, tf.newaxis] * arch.op[1]
    return tf.reduce_sum(pairs * table) * (
      1 + tf.reduce_sum(slopes * arch.transition)
    )

  return loss


class Rows:
  """The choices of such a space at some logits.

  Attributes:
    logits: Of each row, float64 [N].
  """

  def __init__(self, params, takes_path=True):
    self._shapes = params.alpha.shape, params.beta.shape
    self._takes_path = takes_path
    self._where = [(0, (edge, slice(None))) for edge in range(2)]
    legal = GRID.legal
    self._where += [
      (1, (layer, level, np.flatnonzero(legal[layer, level])))
      for layer, level in np.argwhere(legal.any(-1))
    ]
    arrays = params.alpha.numpy(), params.beta.numpy()
    self.logits = [
      arrays[part][index].astype(np.float64) for part, index in self._where
    ]

  def conditional_losses(self, loss, means):
    """For each row, the expected loss given each of its choices.

    Args:
      loss: Of (batch, arch).
      means: Of each row [N]: how probable its choices are, or their mean
        weights.
    """
    found = [np.zeros(len(mean)) for mean in means]
    for choice in itertools.product(*(range(len(mean)) for mean in means)):
      value = float(loss(None, self._arch(choice)))
      factors = [mean[k] for mean, k in zip(means, choice)]
      for row, k in enumerate(choice):
        others = np.prod(factors[:row] + factors[row + 1 :])
        found[row][k] += others * value
    return found

  def _arch(self, choice):
    op, moves = (np.zeros(shape, np.float32) for shape in self._shapes)
    for (part, index), k in zip(self._where, choice):
      (op, moves)[part][index] = np.eye(len((op, moves)[part][index]))[k]
    transition = tf.constant(moves)
    if self._takes_path:
      transition = path_flow.through_transitions(transition, GRID)
    return strategy_lib.arch_weights.ArchWeights(tf.constant(op), transition)

  def rows_of(self, gradients):
    """The gradients of alpha and beta, row by row."""
    return [gradients[part][index] for part, index in self._where]


def softmax_slopes(logits, losses):
  """J^T c of a softmax."""
  probs = special.softmax(logits)
  return probs * (losses - probs @ losses)


def gumbel_of_two(logits, tau, num=20_001):
  """Of softmax((x + G) / tau) of two: its mean [2], and d mean_0 / d x_0.

  The difference of two Gumbels is logistic; by the trapezoidal rule.
  """
  noise = np.linspace(-60, 60, num)
  density = special.expit(noise) * special.expit(-noise)
  soft = special.expit((logits[0] - logits[1] + noise) / tau)
  mean = integrate.trapezoid(density * soft, noise)
  slope = integrate.trapezoid(density * soft * (1 - soft) / tau, noise)
  return np.array([mean, 1 - mean]), slope


def estimates(strategy, loss, num_draws=3000, fraction=0.0):
  """Mean and standard error of the gradients of so many steps."""
  model = toy.Toy(loss, strategy.space)

  @tf.function(autograph=False)
  def draw():
    def gradients(number):
      at = strategy_lib.Progress(number, tf.constant(fraction))
      step = model.step(at)._replace(loss=loss, alone=loss)
      return strategy.gradients(step)[1]

    signature = [
      tf.TensorSpec(variable.shape, tf.float32)
      for variable in strategy.learnt.values()
    ]
    numbers = tf.range(num_draws, dtype=tf.int64)
    return tf.map_fn(gradients, numbers, fn_output_signature=signature)

  drawn = [x.numpy().astype(np.float64) for x in draw()]
  errors = [x.std(0, ddof=1) / np.sqrt(num_draws) for x in drawn]
  return [x.mean(0) for x in drawn], errors


def assert_agrees(rows, estimate, expected):
  """Within five standard errors, which are a tenth of the largest value.

  One of a dozen numbers is further off by chance once in 100,000 times.
  """
  means, errors = map(rows.rows_of, estimate)
  largest = max(np.abs(row).max() for row in expected)
  assert max(row.max() for row in errors) < largest / 10
  for mean, error, row in zip(means, errors, expected):
    assert np.all(np.abs(mean - row) < 5 * error + 1e-5), (mean, row, error)
