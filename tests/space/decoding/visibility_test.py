"""What the lattice says the loss cannot see has no gradient in a supernet."""

import numpy as np
import pytest
import tensorflow as tf

from deeplab_nas.nn.kernels import batch_norm, phases
from deeplab_nas.nn.supernet import supernet as supernet_lib
from deeplab_nas.search.relaxed import arch_params
from deeplab_nas.space import (
  arch_weights,
  cell_space,
  lattice,
  primitives,
  search_space,
)
from deeplab_nas.space.decoding import visibility

NONE_SKIP_POOL = (primitives.NONE, primitives.SKIP, primitives.AVG_POOL_3X3)


def space(num_layers, strides, names=NONE_SKIP_POOL, **settings):
  return search_space.SearchSpace(
    cell_space.CellSpace(1, names),
    lattice.Lattice(num_layers, strides),
    settings.pop('filter_multiplier', 2),
    **settings,
  )


def gradients(of):
  """Of a loss, for weights of operations and transitions, for alpha and beta.

  Logits are far from even, where differences could cancel by chance.
  """
  params = arch_params.ArchParams(of, stddev=0.5, seed=1)
  net = supernet_lib.Supernet(of, num_classes=3)
  rng = np.random.default_rng(0)
  images = tf.constant(rng.uniform(0, 255, [2, 65, 65, 3]), tf.float32)
  wanted = tf.constant(rng.normal(size=[2, 65, 65, 3]), tf.float32)
  with tf.GradientTape() as tape:
    weights = arch_weights.ArchWeights(*map(tf.identity, params.weights()))
    tape.watch(list(weights))
    logits = net(images, weights, phases.ARCH_STEP)
    loss = tf.reduce_mean(wanted * logits)
  sources = [*weights, params.alpha, params.beta]
  found = tape.gradient(loss, sources, unconnected_gradients='zero')
  return [np.abs(x.numpy()) for x in found]


def split_by(seen, gradient, legal=True):
  """The largest unseen gradient, and the smallest seen one."""
  unseen = gradient[~seen & legal]
  return unseen.max(initial=0), gradient[seen].min(initial=np.inf)


@pytest.mark.parametrize(
  'case',
  [
    space(4, (4, 8, 16)),
    space(2, (4, 8)),
    space(3, (4,), NONE_SKIP_POOL[1:]),
    space(2, (4, 8), NONE_SKIP_POOL, partial_channels=2, filter_multiplier=4),
    space(2, (4, 8), NONE_SKIP_POOL[1:2]),
    space(4, (4, 8, 16), paths='global'),
    space(3, (4,), NONE_SKIP_POOL[1:], paths='global'),
  ],
  ids=[
    'three strides',
    'two',
    'one',
    'partial channels',
    'one primitive',
    'global paths',
    'one global path',
  ],
)
def test_exactly_what_is_unseen_has_no_gradient(case, monkeypatch):
  # Normalising undoes a scale but for its epsilon.
  monkeypatch.setattr(batch_norm, 'EPSILON', 1e-9)
  op, transition, alpha, beta = gradients(case)
  legal = case.lattice.legal
  usual = np.median(op) + np.median(transition[legal])
  for seen, gradient, exists in (
    (visibility.seen_transitions(case.lattice, case.paths), transition, legal),
    (visibility.seen_beta(case.lattice, case.paths), beta, legal),
    (visibility.seen_operations(case), op, True),
    (visibility.seen_alpha(case.cell), alpha, True),
  ):
    unseen, smallest = split_by(seen, gradient, exists)
    assert unseen < 1e-3 * usual
    assert smallest > 1e-3 * usual
