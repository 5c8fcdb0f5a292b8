"""Shapes that are numbers where they are known, tensors elsewhere."""

from __future__ import annotations

import math

import tensorflow as tf


def dims(x: tf.Tensor) -> list[int | tf.Tensor]:
  """The shape of a tensor, each dimension as a number where it is known."""
  if x.shape.is_fully_defined():
    return list(x.shape)
  dynamic = tf.shape(x)
  return [dynamic[i] if n is None else n for i, n in enumerate(x.shape)]


def flat_channels(x: tf.Tensor) -> tf.Tensor:
  """[B, H, W, N] from [B, H, W, ...], whose last axes are known."""
  if x.shape.rank == 4:
    return x
  return tf.reshape(x, [*dims(x)[:3], math.prod(x.shape[3:])])
