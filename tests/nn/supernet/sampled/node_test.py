"""A sampled node, against the readable definition under one-hot weights."""

import numpy as np
import pytest
import tensorflow as tf

from deeplab_nas.nn.kernels import phases
from deeplab_nas.nn.supernet import layout, reference_node
from deeplab_nas.nn.supernet.sampled import input as sampled_input
from deeplab_nas.nn.supernet.sampled import node as sampled_node
from deeplab_nas.nn.supernet.sampled import operator as sampled_operator
from deeplab_nas.nn.supernet.sampled import places
from deeplab_nas.space import cell_space, primitives
from tests.nn import closeness, random_cell

SPACE = cell_space.CellSpace(2, primitives.PRIMITIVES[1:6])
NUM_OPS = len(SPACE.primitives)


def sampled_inputs(shape, transition, given, chosen, vector):
  """What the sampled node gets; places of its weights and norms."""
  of = places.make(shape)
  entries = 4 + np.arange(len(SPACE.edges)) * NUM_OPS + chosen
  entries = tf.constant([*of.inputs(transition), *entries], tf.int32)
  there = tf.ones(entries.shape, bool)
  rows, at = of.weights.select(entries, there)
  norms, norm_at = of.norms[transition].select(entries, there)
  indices = (rows.numpy()[:, np.newaxis] * 4 + np.arange(4)).ravel()
  inputs = sampled_node.Inputs(
    given['prevs'][transition],
    given['prev_prev'],
    tf.constant(0),
    tf.constant(1.0),
    tf.constant(given['size']),
    tf.constant(4),
    tf.constant(chosen),
    tf.ones([len(chosen)]),
    at[2:] * 4,
    norm_at[2:],
    tf.gather(vector, indices),
    *[tf.zeros([0, 0])] * 2,
  )
  return inputs, indices, norms


@pytest.mark.parametrize('transition', range(3))
def test_it_is_the_node_under_one_hot_weights(transition):
  rng = np.random.default_rng(transition)
  shape = random_cell.shape(SPACE, 4, 3)
  given = random_cell.inputs(rng, SPACE, 3)
  chosen = rng.integers(NUM_OPS, size=len(SPACE.edges)).astype('int32')
  vector = tf.constant(
    rng.normal(size=layout.make(shape).num_weights).astype('f')
  )
  prev, prev_prev = given['prevs'][transition], given['prev_prev']
  reference = reference_node.NodeInputs(
    given['prevs'],
    prev_prev,
    tf.one_hot(chosen, NUM_OPS),
    tf.one_hot(transition, 3),
    vector,
    *[tf.zeros([layout.make(shape).num_rows, 4])] * 2,
  )
  with tf.GradientTape() as tape:
    tape.watch([prev, prev_prev, vector])
    expected = reference_node.ReferenceNode(shape)(
      reference, given['size'], phases.LOOK_AHEAD
    )
  g = tf.constant(rng.normal(size=expected.output.shape).astype('f'))
  gradients = tape.gradient(expected.output, [prev, prev_prev, vector], g)

  inputs, indices, norms = sampled_inputs(
    shape, transition, given, chosen, vector
  )
  window = shape.prevs[transition].kernel_shape[0]
  kind = sampled_node.Kind(
    sampled_input.Kind(window, 2 if window == 3 else 1, transition == 2),
    sampled_input.Kind(1, 1, False),
    sampled_operator.Kind(SPACE.primitives),
    SPACE.num_blocks,
    per_edge=1,
  )
  # Between others, which it is not.
  other = kind._replace(prev=kind.prev._replace(is_resized=transition != 2))
  kinds, branch = [other, kind, other], tf.constant(1)

  @tf.function(autograph=False)
  def passes(inputs, g):
    y, *kept, mean, variance = sampled_node.forward(kinds, branch, inputs)
    kept = sampled_node.Kept(*kept)
    found = sampled_node.backward(kinds, branch, inputs, kept, g)
    return (y, mean, variance), found

  (output, mean, variance), gradients_found = passes(inputs, g)
  closeness.assert_close([output], [expected.output], 1e-5)
  closeness.assert_close(
    [mean, variance],
    [tf.gather(expected.mean, norms), tf.gather(expected.variance, norms)],
    1e-5,
  )
  of_prev, of_prev_prev, of_weights = gradients_found
  spread = np.zeros(vector.shape, 'f')
  spread[indices] = of_weights
  closeness.assert_close([of_prev, of_prev_prev, spread], gradients)
