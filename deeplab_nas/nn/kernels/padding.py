"""Images of any size: padded inside the network, logits cropped back."""

from __future__ import annotations

import tensorflow as tf


def pad(images: tf.Tensor, stride: int) -> tf.Tensor:
  """Pads below and to the right to `k * stride + 1` pixels, k at least 1.

  Args:
    images: float32 [B, H, W, C] in [-1, 1]; padded with 0, the middle grey.
    stride: The largest stride of the network.
  """
  pixels = tf.shape(images)[1:3]
  padded = _padded_pixels(pixels, stride, tf.maximum)
  padded_images = tf.pad(
    images,
    [[0, 0], [0, padded[0] - pixels[0]], [0, padded[1] - pixels[1]], [0, 0]],
  )
  return tf.ensure_shape(
    padded_images,
    [images.shape[0], *_padded_shape(images, stride), images.shape[-1]],
  )


def _padded_shape(images: tf.Tensor, stride: int) -> list[int | None]:
  return [
    None if n is None else _padded_pixels(n, stride, max)
    for n in images.shape[1:3]
  ]


def _padded_pixels(pixels, stride: int, maximum):
  """k * stride + 1 that holds the pixels; numbers or tensors."""
  return maximum(-(-(pixels - 1) // stride), 1) * stride + 1


def size_at(padded: tf.Tensor, stride: int) -> tuple[int, int] | tf.Tensor:
  """Height and width of a padded image at a stride: (n - 1) / stride + 1."""
  if None not in padded.shape[1:3]:
    return tuple((n - 1) // stride + 1 for n in padded.shape[1:3])
  return (tf.shape(padded)[1:3] - 1) // stride + 1


def crop(logits: tf.Tensor, images: tf.Tensor) -> tf.Tensor:
  """Cuts logits [B, H', W', C] to the size of the images [B, H, W, 3]."""
  pixels = tf.shape(images)
  cut = logits[:, : pixels[1], : pixels[2]]
  return tf.ensure_shape(cut, [*images.shape[:3], logits.shape[-1]])
