"""Several weighted sums of the same tensors, as one product of matrices."""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf

from deeplab_nas.nn.kernels import graph_ops, shapes


def compute(parts: Sequence[tf.Tensor], weights: tf.Tensor) -> list[tf.Tensor]:
  """sum_i weights[m, i] * parts[i] for each m.

  Args:
    parts: N tensors of one shape.
    weights: float32 [M, N], M known.

  Returns:
    M tensors of the shape and dtype of the parts.
  """
  stacked = graph_ops.reshape(tf.stack(parts), [len(parts), -1])
  sums = tf.matmul(tf.cast(weights, stacked.dtype), stacked)
  sums = graph_ops.reshape(sums, [weights.shape[0], *shapes.dims(parts[0])])
  return tf.unstack(sums)
