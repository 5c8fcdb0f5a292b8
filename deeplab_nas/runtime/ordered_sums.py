"""Sums of tensors in the order in which they are written.

TensorFlow's AddN puts the summand first whose memory it can take for the
result. Which one that is depends on what has been computed by then, so that
sums of three or more differ in their last bits from run to run and from step to
step, even with `enable_op_determinism`. Gradients of what is used three times
are such sums, and Grappler makes one of `a + b + c`. Of two summands either may
be first.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

# Of a function that adds in order: the one that it calls.
_UNORDERED = 'unordered'


def enforce() -> None:
  """Has this process add in order, in all that it traces from now on."""
  import tensorflow as tf
  from tensorflow.python.ops import gen_math_ops

  # What `tf.add_n`, tapes and `tf.gradients` call; there is no setting.
  if not hasattr(gen_math_ops.add_n, _UNORDERED):
    gen_math_ops.add_n = _in_order(gen_math_ops.add_n)
  # That has no switch for sums alone.
  tf.config.optimizer.set_experimental_options(
    {'arithmetic_optimization': False}
  )


def _in_order(add_n: Callable) -> Callable:
  """Adds two at a time, which holds for whatever AddN can add."""

  def ordered(inputs: Sequence, name: str | None = None):
    total, *others = inputs
    if len(others) < 2:
      return add_n(inputs, name=name)
    for x in others:
      total = add_n([total, x], name=name)
    return total

  setattr(ordered, _UNORDERED, add_n)
  return ordered
