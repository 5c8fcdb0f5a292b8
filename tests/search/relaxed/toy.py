"""A supernet of a few numbers, so that strategies can take many steps."""

import numpy as np
import tensorflow as tf

from deeplab_nas.config import config as config_lib
from deeplab_nas.search import strategies
from deeplab_nas.search.relaxed import strategy as strategy_lib
from deeplab_nas.search.relaxed import supernet_weights
from tests.search import tiny

RELAXED = strategies.names('relaxed')


def build(name, space=tiny.SPACE, seed=0, settings=None, **search):
  """A strategy that learns fast."""
  search = {
    'arch_learning_rate': 0.1,
    'arch_weight_decay': 0.0,
    **search,
    'strategy': name,
  }
  config = config_lib.SearchConfig(**search)
  return strategy_lib.build(space, config, seed, settings)


class Toy:
  """Weights w, fixed, and a loss of the architecture.

  loss(batch, arch) = f(batch, arch) + |w - arch|^2 / 50, whose second part is
  too small to change which architecture is best.
  """

  def __init__(self, loss, space=tiny.SPACE, learning_rate=0.1):
    cell = space.cell
    shapes = [len(cell.edges), len(cell.primitives)], space.lattice.legal.shape
    rng = np.random.default_rng(0)
    self.w = [
      tf.Variable(tf.constant(rng.normal(size=s), tf.float32)) for s in shapes
    ]
    self._loss = loss
    self.weights = supernet_weights.SupernetWeights(
      self.w, lambda: learning_rate, self.loss
    )

  def loss(self, batch, arch):
    distances = [tf.nn.l2_loss(w - x) for w, x in zip(self.w, arch)]
    return self._loss(batch, arch) + tf.add_n(distances) / 25

  def step(self, at, batch=None):
    loss, weights = self.loss, self.weights
    return strategy_lib.ArchStep(batch, batch, at, loss, weights, loss)


def compiled(strategy, loss, space=tiny.SPACE, num_steps=100, toy=None):
  """A function that takes steps from a number to another, in the graph.

  Batches are the number of the step, float32 [].
  """
  toy = toy or Toy(loss, space)

  @tf.function(autograph=False)
  def run(first, last):
    def step(number):
      fraction = tf.cast(number % num_steps, tf.float32) / num_steps
      at = strategy_lib.Progress(number, fraction)
      strategy.update(toy.step(at, tf.cast(number, tf.float32)))
      return [number + 1]

    tf.while_loop(lambda number: number < last, step, [first])

  def steps(first, last):
    run(tf.constant(first, tf.int64), tf.constant(last, tf.int64))

  return steps
