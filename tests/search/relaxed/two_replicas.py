"""Every strategy on one device and on two replicas, without a supernet.

  python -m tests.search.relaxed.two_replicas

prints as one JSON object, for each strategy, the losses of some steps on one
device and on two replicas, and what each copy of a variable holds after them.
Paths are global, and there is a budget where there can be: those add up most.
One batch is not finite, on the second replica alone.
"""

import dataclasses
import json
import math

import numpy as np
import tensorflow as tf

from deeplab_nas.config import config as config_lib
from deeplab_nas.nn.kernels import replicas
from deeplab_nas.search.relaxed import cost_term, noise_walks
from tests.search import draw, tiny
from tests.search.relaxed import toy

NUM_STEPS, BAD_STEP = 30, 12
SPACE = dataclasses.replace(tiny.SPACE, paths='global')
CONFIG = config_lib.Config.from_dict(
  {
    'data': {'crop_size': [33, 33]},
    'network': {'filter_multiplier': 4},
    # Of cells, below what even weights cost.
    'search': {'cost_budget': 1.2e5},
  }
)


class Toy(toy.Toy):
  """Its losses are shares, by the elements of a batch [N], of two in all."""

  def loss(self, batch, arch):
    return batch.shape[0] / 2 * super().loss(batch, arch)


def wanted(batch, arch):
  """Some weights by all batches, and others by each element of a batch."""

  def want(weights, start):
    phase = start + tf.range(math.prod(weights.shape), dtype=tf.float32)
    by_element = tf.cos(phase * (2 + batch[:, tf.newaxis]))
    slopes = tf.reduce_mean(by_element, 0) + tf.sin(phase)
    return tf.reduce_sum(slopes * tf.reshape(weights, [-1]))

  return want(arch.op, 0.0) + want(arch.transition, 0.5)


class Run:
  """A strategy and what is beside it, as a searcher makes them."""

  def __init__(self, name):
    self.strategy = toy.build(name, SPACE, arch_weight_decay=0.1)
    if name in draw.WITH_BUDGET:
      term = cost_term.build(CONFIG, SPACE, tiny.NUM_CLASSES)
      cost_term.attach(self.strategy, term)
    self.toy = Toy(wanted, SPACE)
    self.number = replicas.state('number', 0, tf.int64)
    passes = noise_walks.Passes(num_images=6, batch_size=2)
    self.walks = noise_walks.beside(
      self.strategy, passes, lambda: tf.identity(self.number), 0
    )

  def step(self, batch):
    """One step of the strategy; its share of the loss."""
    fraction = tf.cast(self.number, tf.float32) / NUM_STEPS
    at = toy.strategy_lib.Progress(tf.identity(self.number), fraction)
    share = self.strategy.update(self.toy.step(at, batch))
    self.number.assign_add(1)
    return share

  def variables(self):
    modules = {'strategy': self.strategy, 'walks': self.walks}
    return {
      f'{name}/{i}_{variable.name}': variable
      for name, module in modules.items()
      if module is not None
      for i, variable in enumerate(module.variables)
    }


def learn(distribution, name):
  """The losses of all steps, and each variable's copies."""
  with distribution.scope():
    run = Run(name)
  local = distribution.experimental_local_results
  count = distribution.num_replicas_in_sync
  step = tf.function(
    lambda batch: distribution.run(run.step, args=(batch,)), autograph=False
  )

  def of_replica(context, batch):
    return tf.constant(np.split(batch, count)[context.replica_id_in_sync_group])

  losses = []
  for number in range(NUM_STEPS):
    batch = np.array([number, number + 0.5], np.float32)
    if number == BAD_STEP:
      batch[1] = np.nan
    parts = distribution.experimental_distribute_values_from_function(
      lambda context, batch=batch: of_replica(context, batch)
    )
    losses.append(float(tf.add_n(local(step(parts)))))
  return losses, {
    name: [np.asarray(copy, np.float64).ravel().tolist() for copy in local(v)]
    for name, v in run.variables().items()
  }


def main():
  (cpu,) = tf.config.list_physical_devices('CPU')
  part = tf.config.LogicalDeviceConfiguration()
  tf.config.set_logical_device_configuration(cpu, [part, part])
  one = tf.distribute.OneDeviceStrategy('CPU:0')
  two = tf.distribute.MirroredStrategy(['CPU:0', 'CPU:1'])
  found = {name: [learn(x, name) for x in (one, two)] for name in toy.RELAXED}
  print(json.dumps(found))


if __name__ == '__main__':
  main()
