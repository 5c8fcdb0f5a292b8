"""Several weighted sums of the same tensors, as one product of matrices."""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf

from deeplab_nas.nn import shapes


def of(parts: Sequence[tf.Tensor], weights: tf.Tensor) -> list[tf.Tensor]:
  """sum_i weights[m, i] * parts[i] for each m.

  Args:
    parts: N tensors of one shape.
    weights: float32 [M, N], M known.

  Returns:
    M tensors of the shape and dtype of the parts.
  """
  stacked = tf.stack([tf.reshape(part, [-1]) for part in parts])
  sums = tf.matmul(tf.cast(weights, stacked.dtype), stacked)
  shape = shapes.of(parts[0])
  return [tf.reshape(x, shape) for x in tf.unstack(sums)]
