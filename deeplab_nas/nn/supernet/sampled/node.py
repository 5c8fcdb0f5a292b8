"""A node on a sampled path: one transition into it, and few operations.

The same function as that of `ReferenceNode` where the weights of its other
transitions and operations are 0. Sizes are left open, so that most nodes share
their functions.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import NamedTuple

import tensorflow as tf

from deeplab_nas.nn.kernels import cases
from deeplab_nas.nn.supernet.sampled import cell as sampled_cell
from deeplab_nas.nn.supernet.sampled import input as sampled_input
from deeplab_nas.nn.supernet.sampled import operator as sampled_operator


class Kind(NamedTuple):
  """What the functions of a node are made for.

  Attributes:
    prev: How the path's H^{l-1} comes to the node.
    prev_prev: How H^{l-2} does.
    operations: Of the cell.
    num_blocks: Of the cell.
    per_edge: The most operations that an edge may have.
  """

  prev: sampled_input.Kind
  prev_prev: sampled_input.Kind
  operations: sampled_operator.Kind
  num_blocks: int
  per_edge: int


class Inputs(NamedTuple):
  """All that a sampled node depends on.

  Attributes:
    prev: [B, h, w, channels], H^{l-1}.
    prev_prev: [B, h, w, channels], H^{l-2}; of any shape if `is_zero`.
    is_zero: int32 [], 1 if H^{l-2} is off the path and so zeros, else 0.
    beta: float32 [], the weight of the transition.
    size: int32 [2], height and width of the node.
    filters: int32 [], C.
    primitive: See `cell.Slots`, as the next three.
    scale: float32 [M].
    at: int32 [M].
    norm_at: int32 [M].
    weights: float32 [n], all that the node touches: those of prev's
      convolution, of prev_prev's unless `is_zero`, then of the slots.
    mean: float32 [r, C/K], of all its norms in the same order, in inference.
    variance: float32 [r, C/K].
  """

  prev: tf.Tensor
  prev_prev: tf.Tensor
  is_zero: tf.Tensor
  beta: tf.Tensor
  size: tf.Tensor
  filters: tf.Tensor
  primitive: tf.Tensor
  scale: tf.Tensor
  at: tf.Tensor
  norm_at: tf.Tensor
  weights: tf.Tensor
  mean: tf.Tensor
  variance: tf.Tensor

  @property
  def slots(self) -> sampled_cell.Slots:
    return sampled_cell.Slots(self.primitive, self.scale, self.at, self.norm_at)


class Kept(NamedTuple):
  """What the gradient needs besides the inputs.

  Attributes:
    prev: [B, H, W, C], the cell's first input.
    prev_prev: [B, H, W, C], its second one.
    blocks: [B, H, W, num_blocks * C].
  """

  prev: tf.Tensor
  prev_prev: tf.Tensor
  blocks: tf.Tensor


def forward(
  kinds: Sequence[Kind], branch: tf.Tensor, inputs: Inputs
) -> list[tf.Tensor]:
  """From `Inputs` to the output, `Kept`, and the norms' statistics.

  Those are mean and variance, float32 [r, C/K], in the order of the weights.

  Args:
    kinds: What the node may be: they differ in what comes before the cell. That
      alone is a branch each, as TensorFlow looks at every call of a function
      that a graph may come to, and a cell has hundreds.
    branch: int32 [], which it is.
    inputs: What it depends on.
  """
  x, cell = inputs, _cell(kinds[0])
  *states, mean, variance = cases.choose(
    branch, list(map(_forward, kinds)), inputs
  )
  blocks, *of_cell = cases.call(
    cell.forward, [*states, *x.slots, x.weights, x.mean, x.variance]
  )
  statistics = [tf.concat(parts, 0) for parts in zip((mean, variance), of_cell)]
  output = tf.cast(x.beta, blocks.dtype) * blocks
  return [output, *states, blocks, *statistics]


def backward(
  kinds: Sequence[Kind],
  branch: tf.Tensor,
  inputs: Inputs,
  kept: Kept,
  g: tf.Tensor,
) -> list[tf.Tensor]:
  """Gradients of prev, prev_prev and weights.

  Args:
    kinds: As in `forward`.
    branch: Likewise.
    inputs: Likewise.
    kept: What it has returned.
    g: The output's gradient.
  """
  x = inputs
  g = tf.cast(x.beta, g.dtype) * g
  *of_states, of_cell = cases.call(
    _cell(kinds[0]).backward, [*kept, g, *x.slots, x.weights]
  )
  *of_images, of_kernels = cases.choose(
    branch, list(map(_backward, kinds)), [*x, *of_states]
  )
  return [*of_images, tf.concat([of_kernels, of_cell], 0)]


@functools.cache
def _forward(kind: Kind) -> cases.Function:
  """From `Inputs` to the cell's inputs, and their norms' statistics."""

  def states(*args):
    x, found, used = Inputs(*args), [], []
    rows = kind.operations.partial_channels  # of an input's norm
    for i, (image, kernel, branch, of) in enumerate(_inputs(kind, x)):
      at = slice(i * rows, (i + 1) * rows)
      state, *of_input = cases.choose(
        branch,
        sampled_input.forward(of),
        [image, kernel, x.size, x.filters, x.mean[at], x.variance[at]],
      )
      found.append(state)
      used.append(of_input)
    return [*found, *(tf.concat(parts, 0) for parts in zip(*used))]

  return cases.traced(states, _signature(kind))


@functools.cache
def _backward(kind: Kind) -> cases.Function:
  """From `Inputs` and the gradients of the cell's inputs to the images'.

  And that of both kernels.
  """

  def gradients(*args):
    x, of_states = Inputs(*args[:-2]), args[-2:]
    of_images, of_kernels = zip(
      *(
        cases.choose(
          branch,
          sampled_input.backward(of),
          [image, kernel, x.size, x.filters, of_state],
        )
        for (image, kernel, branch, of), of_state in zip(
          _inputs(kind, x), of_states
        )
      )
    )
    return [*of_images, tf.concat(of_kernels, 0)]

  images = [kind.operations.spec] * 2
  return cases.traced(gradients, [*_signature(kind), *images])


def _inputs(kind: Kind, x: Inputs):
  """For prev and prev_prev: image, kernel, branch, kind."""
  end = kind.prev.num_weights(x.prev, x.filters)
  size = kind.prev_prev.num_weights(x.prev_prev, x.filters)
  size = tf.where(x.is_zero > 0, 0, size)
  return [
    (x.prev, x.weights[:end], tf.constant(0), kind.prev),
    (x.prev_prev, x.weights[end : end + size], x.is_zero, kind.prev_prev),
  ]


def _cell(kind: Kind) -> sampled_cell.SampledCell:
  return sampled_cell.for_kind(
    kind.operations, kind.num_blocks, kind.per_edge, kind.prev.training
  )


def _signature(kind: Kind) -> Inputs:
  image, flat = kind.operations.spec, sampled_input.FLAT
  index, indices = sampled_input.INDEX, tf.TensorSpec([None], tf.int32)
  return Inputs(
    prev=image,
    prev_prev=image,
    is_zero=index,
    beta=tf.TensorSpec([]),
    size=sampled_input.SIZE,
    filters=index,
    primitive=indices,
    scale=flat,
    at=indices,
    norm_at=indices,
    weights=flat,
    mean=sampled_input.ROWS,
    variance=sampled_input.ROWS,
  )
