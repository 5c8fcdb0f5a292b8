"""Steps of all weights, and of those that a sample touches."""

import numpy as np
import pytest
import tensorflow as tf

from deeplab_nas.nn.kernels import phases
from deeplab_nas.nn.supernet import supernet
from deeplab_nas.nn.supernet.sampled import supernet as sampled_supernet
from deeplab_nas.space import arch_weights
from deeplab_nas.train import weight_steps
from tests.search import tiny

RATE, MOMENTUM, CLIP, DECAY = 0.5, 0.9, 0.01, 0.1


def build(seed=0):
  tf.keras.utils.set_random_seed(seed)
  net = supernet.Supernet(tiny.SPACE, tiny.NUM_CLASSES)
  optimizer = tf.keras.optimizers.SGD(
    RATE, momentum=MOMENTUM, global_clipnorm=CLIP
  )
  optimizer.build(net.trainable_variables)
  for momentum in optimizer.momentums:
    momentum.assign(tf.random.normal(momentum.shape, stddev=0.01))
  return net, optimizer


def sample(seed=0):
  genotype = tiny.SPACE.random(seed)
  return arch_weights.ArchWeights(
    *map(tf.constant, arch_weights.one_hot(genotype, tiny.SPACE))
  )


def run(step, batch):
  images, labels = batch
  with tf.GradientTape(watch_accessed_variables=False) as tape:
    tape.watch(step.watched)
    logits = step.logits(images)
    loss = tf.reduce_mean(
      tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
    )
  gradients = tape.gradient(loss, step.watched)
  step.descend(gradients)
  return gradients


def test_a_sampled_step_moves_what_it_touches_and_nothing_else():
  """Momentum, decay and the norm of the clipping are of that alone."""
  net, optimizer = build()
  sampled = sampled_supernet.SampledSupernet(net)
  variables, momenta = net.trainable_variables, optimizer.momentums
  before = [[x.numpy() for x in xs] for xs in (variables, momenta)]
  arch = sample()

  @tf.function(autograph=False)
  def train(batch):
    step = weight_steps.SampledStep(sampled, arch, optimizer, DECAY, RATE)
    return run(step, batch)

  gradients = train(tiny.batch(0))
  choice = sampled.choose(arch, phases.WEIGHT_STEP)
  places = [
    (cells[int(layer.level)].kernel_vector, layer.indices.numpy())
    for cells, layer in zip(sampled.cells, choice.layers)
  ]
  places += [
    (variable, ... if mask is None or bool(mask) else slice(0, 0))
    for variable, mask in sampled.dense(choice)
  ]
  expected, velocities = ([x.copy() for x in xs] for xs in before)
  index = {variable.ref(): i for i, variable in enumerate(variables)}
  decayed = []
  for (variable, at), gradient in zip(places, gradients):
    w = expected[index[variable.ref()]][at]
    gradient = gradient.numpy() if w.size else w
    decayed.append(gradient + DECAY * w)
  norm = np.sqrt(sum(np.sum(g.astype(float) ** 2) for g in decayed))
  assert norm > CLIP
  for (variable, at), gradient in zip(places, decayed):
    i = index[variable.ref()]
    velocities[i][at] = (
      MOMENTUM * velocities[i][at] - RATE * gradient * CLIP / norm
    )
    expected[i][at] += velocities[i][at]
  for variable, value in zip(variables, expected):
    np.testing.assert_allclose(variable, value, rtol=1e-4, atol=1e-6)
  for variable, value in zip(momenta, velocities):
    np.testing.assert_allclose(variable, value, rtol=1e-4, atol=1e-6)
  stays = [np.mean(a == b.numpy()) for a, b in zip(before[0], variables)]
  assert min(stays) == 0 and max(stays) == 1
  assert int(optimizer.iterations) == 1

  # A step that computes all can move the same.
  others, optimizer = build()
  whole = sampled_supernet.SampledSupernet(others)
  run(
    weight_steps.MaskedStep(whole, arch, optimizer, DECAY, RATE), tiny.batch(0)
  )
  for xs, ys in (
    (variables, others.trainable_variables),
    (momenta, optimizer.momentums),
  ):
    for x, y in zip(xs, ys):
      np.testing.assert_allclose(x, y, rtol=1e-3, atol=1e-6)
  assert int(optimizer.iterations) == 1


@pytest.mark.parametrize('name', ['gdas', 'proxyless'])
def test_steps_of_strategies_by_paths_are_sampled(name):
  model = tiny.searcher(strategy=name)
  assert model.samples_paths
  vectors = [cell.kernel_vector for cell in model.supernet.cells.values()]
  before = [v.numpy() for v in vectors]
  step = tf.function(model.weight_step)
  assert np.isfinite(step(tiny.batch(0)))
  moved = [np.mean(a != b.numpy()) for a, b in zip(before, vectors)]
  assert 0 < sum(m > 0 for m in moved) <= tiny.SPACE.lattice.num_layers
  assert max(moved) < 1


def test_norms_that_are_synchronized_need_the_whole_supernet():
  model = tiny.searcher(strategy='gdas')
  model.supernet.sync_batch_norm = True
  sampled = sampled_supernet.SampledSupernet(model.supernet)
  assert not sampled.is_supported


def test_a_bad_step_changes_neither_weights_nor_statistics():
  model = tiny.searcher(strategy='gdas', keeps_statistics=True, momentum=0.0)
  model.weight_decay = 0.0
  images, labels = tiny.batch(0)
  before = [v.numpy() for v in model.supernet.variables]
  step = tf.function(model.weight_step)
  step((images * np.nan, labels))
  assert int(model.guard.num_bad) == 1
  for value, variable in zip(before, model.supernet.variables):
    np.testing.assert_array_equal(variable, value)
  step((images, labels))
  assert int(model.guard.num_bad) == 1
