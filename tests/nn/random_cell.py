"""Random inputs for one node of a supernet."""

import tensorflow as tf

from deeplab_nas.nn.supernet import layout as layout_lib
from deeplab_nas.nn.supernet import resample


def shape(
  space, filters, num_transitions, partial_channels=1, shared_kernels=False
):
  """A node with inputs from the finer, its own and the coarser stride."""
  moves = ((6, 2), (5, 1), (4, 1))[:num_transitions]
  return layout_lib.NodeShape(
    space,
    filters,
    tuple(resample.Resample(c, filters, strides) for c, strides in moves),
    resample.Resample(3, filters),
    partial_channels,
    shared_kernels,
  )


def inputs(rng, space, num_transitions, size=(9, 12)):
  """Arguments of a `Cell` of that shape."""

  def draw(*shape):
    return tf.constant(rng.normal(size=shape), tf.float32)

  height, width = size
  sources = [
    draw(2, 2 * height - 1, 2 * width - 1, 6),
    draw(2, height, width, 5),
    draw(2, (height + 1) // 2, (width + 1) // 2, 4),
  ]
  return dict(
    prevs=sources[:num_transitions],
    prev_prev=draw(2, height, width, 3),
    op=tf.nn.softmax(draw(len(space.edges), len(space.primitives))),
    beta=tf.nn.softmax(draw(num_transitions)),
    size=size,
  )
