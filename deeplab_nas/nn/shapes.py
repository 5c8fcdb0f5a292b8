"""Shapes that are numbers where they are known, tensors elsewhere."""

from __future__ import annotations

import tensorflow as tf


def of(x: tf.Tensor) -> list[int | tf.Tensor]:
  """The shape of a tensor, each dimension as a number where it is known."""
  if x.shape.is_fully_defined():
    return list(x.shape)
  dynamic = tf.shape(x)
  return [dynamic[i] if n is None else n for i, n in enumerate(x.shape)]
