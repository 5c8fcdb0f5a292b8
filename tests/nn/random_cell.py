"""Random inputs for one node of a supernet."""

import tensorflow as tf


def inputs(rng, space, filters, num_transitions, size=(9, 12)):
  def draw(*shape):
    return tf.constant(rng.normal(size=shape), tf.float32)

  return dict(
    prevs=[draw(2, *size, filters) for _ in range(num_transitions)],
    prev_prev=draw(2, *size, filters),
    op=tf.nn.softmax(draw(len(space.edges), len(space.primitives))),
    beta=tf.nn.softmax(draw(num_transitions)),
  )
