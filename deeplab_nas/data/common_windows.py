"""Batches of images of several sizes, with nothing added to them."""

from __future__ import annotations

import tensorflow as tf


def batched(examples: tf.data.Dataset, batch_size: int) -> tf.data.Dataset:
  """The middle of each image, as large as all images of its batch are.

  Padding would be content that no image has. Images of one size stay whole.

  Args:
    examples: Pairs of an image [H, W, 3] and labels [H, W], each of its own
      size.
    batch_size: Images in a batch; the last batch may have fewer.

  Returns:
    Batches of images float32 [B, h, w, 3] and labels int32 [B, h, w], where h
    and w are the smallest height and width of a batch.
  """

  def with_size(image, labels):
    return image, labels, tf.shape(labels)

  def cut(images, labels, sizes):
    size = tf.reduce_min(sizes, axis=0)
    starts = (sizes - size) // 2  # [B, 2]
    images = _windows(tf.cast(images, tf.float32), starts, size)
    labels = _windows(tf.cast(labels, tf.int32)[..., tf.newaxis], starts, size)
    return images, labels[..., 0]

  return (
    examples.map(with_size)
    .padded_batch(batch_size)
    .map(cut, tf.data.AUTOTUNE)
    .prefetch(tf.data.AUTOTUNE)
  )


def _windows(x: tf.Tensor, starts: tf.Tensor, size: tf.Tensor) -> tf.Tensor:
  """[B, *size, C] of x, [B, H, W, C], each from where its start says."""

  def window(pair):
    each, start = pair
    return tf.slice(each, tf.pad(start, [[0, 1]]), tf.pad(size, [[0, 1]]) - pad)

  pad = tf.constant([0, 0, 1])  # -1 for all channels
  windows = tf.map_fn(window, (x, starts), fn_output_signature=x.dtype)
  windows.set_shape([None, None, None, x.shape[-1]])
  return windows
