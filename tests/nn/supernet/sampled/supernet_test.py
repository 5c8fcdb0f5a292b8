"""A sampled supernet is the supernet under one-hot weights."""

import functools

import numpy as np
import pytest
import tensorflow as tf

from deeplab_nas.nn.kernels import graph_ops, phases
from deeplab_nas.nn.supernet import supernet
from deeplab_nas.nn.supernet.sampled import supernet as sampled_supernet
from deeplab_nas.space import (
  arch_weights,
  cell_space,
  lattice,
  primitives,
  search_space,
)
from tests.nn import closeness

NUM_CLASSES = 3
SIZE = 33, 65


def build(
  chosen, num_layers=3, num_blocks=2, partial_channels=1, shared_kernels=False
):
  space = search_space.SearchSpace(
    cell_space.CellSpace(num_blocks, chosen),
    lattice.Lattice(num_layers),
    4,
    partial_channels,
    shared_kernels=shared_kernels,
  )
  tf.keras.utils.set_random_seed(0)
  net = supernet.Supernet(space, NUM_CLASSES)
  rng = np.random.default_rng(0)
  for variable in net.variables:  # offsets of heads and statistics, too
    noise = rng.uniform(0.05, 0.2, variable.shape)
    variable.assign_add(tf.constant(noise, tf.float32))
  return net


def images():
  pixels = np.random.default_rng(1).uniform(0, 255, (2, *SIZE, 3))
  return tf.constant(pixels, tf.float32)


def loss(logits):
  factors = np.random.default_rng(2).normal(size=(2, *SIZE, NUM_CLASSES))
  return tf.reduce_mean(logits * factors.astype('f') + logits**2)


class Passes:
  """A pass of both, compiled once, for all architectures."""

  def __init__(self, net, per_edge=1):
    self.net = net
    self.sampled = sampled_supernet.SampledSupernet(net, per_edge)
    self.variables = net.trainable_variables
    self.full = tf.function(graph_ops.recorded(self._full), autograph=False)
    self.part = tf.function(graph_ops.recorded(self._part), autograph=False)
    self.infer = tf.function(self._infer, autograph=False)

  def _full(self, arch):
    with tf.GradientTape(watch_accessed_variables=False) as tape:
      tape.watch(self.variables)
      logits = self.net(images(), arch, phases.WEIGHT_STEP)
      value = loss(logits)
    gradients = tape.gradient(
      value, self.variables, unconnected_gradients='zero'
    )
    return logits, gradients

  def _part(self, arch):
    choice = self.sampled.choose(arch, phases.WEIGHT_STEP)
    weights = self.sampled.read(choice)
    dense = [variable for variable, _ in self.sampled.dense(choice)]
    with tf.GradientTape(watch_accessed_variables=False) as tape:
      tape.watch([weights, dense])
      logits = self.sampled(images(), choice, weights)
      value = loss(logits)
    return logits, choice.layers, tape.gradient(value, [weights, dense])

  def _infer(self, arch):
    return self.sampled.evaluate(images(), arch, phases.INFERENCE)

  def full_gradients(self, layers, gradients):
    """Those of a sampled pass in the form of the full one."""
    of_cells, of_dense = gradients
    dense = self.sampled.dense(self.sampled.choose(self.arch, phases.INFERENCE))
    found = {v.ref(): np.zeros(v.shape, 'f') for v in self.variables}
    for cells, layer, of_cell in zip(self.sampled.cells, layers, of_cells):
      vector = cells[int(layer.level)].kernel_vector
      found[vector.ref()][layer.indices] = of_cell
    for (variable, _), gradient in zip(dense, of_dense):
      found[variable.ref()] = gradient.numpy()
    return [found[v.ref()] for v in self.variables]


def assert_equal(passes, arch, tolerance=1e-5):
  net = passes.net
  passes.arch = arch
  statistics = net.non_trainable_variables
  before = [v.numpy() for v in statistics]
  expected, full_gradients = passes.full(arch)
  moved = [v.numpy() for v in statistics]
  for variable, value in zip(statistics, before):
    variable.assign(value)
  logits, layers, gradients = passes.part(arch)
  closeness.assert_close([logits], [expected], 1e-5)
  closeness.assert_close(
    passes.full_gradients(layers, gradients), full_gradients, tolerance
  )
  touched = 0
  for old, new, other in zip(before, [v.numpy() for v in statistics], moved):
    is_moved = new != old
    np.testing.assert_allclose(new[is_moved], other[is_moved], 1e-5, 1e-6)
    touched += is_moved.sum()
  assert touched > 100
  # With statistics that are not those of zeros.
  inferred = net(images(), arch, phases.INFERENCE)
  closeness.assert_close([passes.infer(arch)], [inferred], 1e-5)


def one_hot(genotype, space):
  return arch_weights.ArchWeights(
    *map(tf.constant, arch_weights.one_hot(genotype, space))
  )


def test_it_equals_the_supernet_under_the_same_weights():
  passes = Passes(build(primitives.PRIMITIVES[2:5]))
  space = passes.net.space
  for seed in range(4):
    assert_equal(passes, one_hot(space.random(seed), space))


def test_edges_of_a_block_have_kernels_in_common():
  chosen = primitives.PRIMITIVES[2:5]
  passes = Passes(build(chosen, 2, shared_kernels=True))
  arch = _operation_on_every_edge(passes.net.space, 0)
  assert_equal(passes, arch, 5e-4)
  op = np.zeros_like(arch.op)
  op[:, [p.name for p in chosen].index('sep_conv_3x3')] = 1  # on all edges
  assert_equal(passes, arch._replace(op=tf.constant(op)), 5e-4)


@functools.cache
def _operation_on_every_edge(space, seed):
  """As GDAS draws them; four seeds have each of eight operations."""
  num_edges = len(space.cell.edges)
  chosen = np.arange(seed * num_edges, (seed + 1) * num_edges)
  chosen %= len(space.cell.primitives)
  op = np.eye(len(space.cell.primitives), dtype='f')[chosen]
  transition = one_hot(space.random(seed), space).transition
  return arch_weights.ArchWeights(tf.constant(op), transition)


@pytest.mark.slow
@pytest.mark.parametrize(
  'preset, sizes',
  [
    ('auto_deeplab', (4, 2)),  # every level, and nodes that read others
    *((name, (2, 1)) for name in primitives.PRESETS if name != 'auto_deeplab'),
    ('auto_deeplab', (2, 1, 2)),  # partial channels
  ],
)
def test_with_an_operation_on_every_edge(preset, sizes):
  passes = Passes(build(primitives.PRESETS[preset], *sizes))
  for seed in range(4):
    arch = _operation_on_every_edge(passes.net.space, seed)
    gamma = np.random.default_rng(seed).uniform(0.2, 1, len(arch.op))
    scaled = arch.op * gamma[:, np.newaxis].astype('f')
    # A channel of hardly any variance magnifies what is rounded.
    assert_equal(passes, arch._replace(op=scaled), 5e-4)


@pytest.mark.slow
def test_with_two_operations_on_an_edge():
  passes = Passes(build(primitives.PRIMITIVES[1:6], 2), per_edge=2)
  space = passes.net.space
  for seed in range(4):
    arch = one_hot(space.random(seed), space)
    op = arch.op.numpy()
    op[0] = 1, 0, 2, 0, 0
    assert_equal(passes, arch._replace(op=tf.constant(op)), 5e-4)


def test_only_what_the_sample_touches_is_read():
  """The rest may be NaN, which would show."""
  passes = Passes(build(primitives.PRIMITIVES[2:5]))
  space = passes.net.space
  arch = one_hot(space.random(1), space)
  choice = passes.sampled.choose(arch, phases.WEIGHT_STEP)
  kept = passes.sampled.read(choice)
  for cells in passes.sampled.cells:
    for cell in cells:
      cell.kernel_vector.assign(cell.kernel_vector * np.nan)
  passes.sampled.write(choice, kept)
  logits, _, gradients = passes.part(arch)
  assert np.isfinite(logits).all()
  assert all(np.isfinite(x).all() for x in tf.nest.flatten(gradients))


def ancestors(op):
  """All operations that have to be done before it, and itself."""
  found, todo = set(), [op]
  while todo:
    op = todo.pop()
    if op not in found:
      found.add(op)
      todo += [*(x.op for x in op.inputs), *op.control_inputs]
  return found


def test_passes_of_one_graph_come_one_after_the_other():
  """They share kernels that write elsewhere if two use them at a time."""
  net = build(primitives.PRIMITIVES[3:6])
  sampled = sampled_supernet.SampledSupernet(net)
  computed = []

  def logits(seed):
    arch = one_hot(net.space.random(seed), net.space)
    return sampled.evaluate(images(), arch, phases.ARCH_STEP)

  @graph_ops.recorded
  def passes(is_third):
    computed.extend(logits(seed) for seed in range(2))
    zeros = tf.zeros([2, *SIZE, NUM_CLASSES])
    computed.append(tf.cond(is_third, lambda: logits(2), lambda: zeros))

  signature = [tf.TensorSpec([], tf.bool)]
  tf.function(passes, signature, autograph=False).get_concrete_function()
  first, second, third = (x.op for x in computed)
  assert first in ancestors(second) and second in ancestors(third)
