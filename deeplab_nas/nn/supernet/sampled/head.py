"""The heads under a sampled path, which ends at one of them.

The others see zeros, of which a convolution makes zeros and a norm the same
value for all pixels: one pixel tells what they add to the logits.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import tensorflow as tf

from deeplab_nas.nn.kernels import graph_ops, phases, resize
from deeplab_nas.nn.supernet import head as head_lib


def logits(
  head: head_lib.SearchASPP,
  x: tf.Tensor,
  is_end: tf.Tensor,
  size: tf.Tensor,
  phase: phases.Phase,
) -> tf.Tensor:
  """Logits float32 [B, *size, num_classes], or [1, 1, 1, num_classes] of zeros.

  Args:
    head: The head.
    x: The output of the path's last node; [B, H, W, filters] if it is the
      head's, else of any size.
    is_end: bool [], whether it is.
    size: int32 [2], height and width of the result.
    phase: What the pass is for.
  """

  def at_end(phase, x):
    x = tf.ensure_shape(x, [x.shape[0], None, None, head.filters])
    return resize.bilinear(head(x, phase), size)

  def elsewhere(phase, _):
    return of_zeros(head, phase)

  variables = head.trainable_variables  # which the head reads by itself

  def chosen(x, *values):
    del values
    y = tf.cond(is_end, lambda: at_end(phase, x), lambda: elsewhere(phase, x))
    again = phase._replace(statistics_move=False)

    def gradients(g):
      return tf.cond(
        is_end,
        lambda: _gradients(lambda: at_end(again, x), [x, *variables], g),
        lambda: _gradients(lambda: elsewhere(again, x), [x, *variables], g),
      )

    return y, gradients

  if not phase.training:
    return chosen(x)[0]
  return graph_ops.call(chosen, x, *variables)


def of_zeros(head: head_lib.SearchASPP, phase: phases.Phase) -> tf.Tensor:
  """What a head makes of zeros, float32 [1, 1, 1, num_classes]."""
  zeros = tf.zeros([1, 1, 1, head.filters])
  parts = [branch.norm(zeros, phase) for branch in _branches(head)]
  parts = [tf.cast(part, tf.float32) for part in parts]
  return head.logits(tf.nn.relu(tf.concat(parts, axis=-1)))


def touched_by_zeros(head: head_lib.SearchASPP) -> list[tf.Variable]:
  """What the logits of zeros depend on, in training."""
  offsets = [branch.norm.beta for branch in _branches(head)]
  return [*offsets, *head.logits.trainable_variables]


def _branches(head: head_lib.SearchASPP):
  return head.point, head.atrous, head.pooled


def _gradients(
  function: Callable[[], tf.Tensor], inputs: Sequence[tf.Tensor], g: tf.Tensor
) -> list[tf.Tensor]:
  with tf.GradientTape(watch_accessed_variables=False) as tape:
    tape.watch(inputs)
    y = function()
  return tape.gradient(y, inputs, g, unconnected_gradients='zero')
