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
    images = _windows(images, starts, tf.concat([size, [3]], 0))
    labels = _windows(labels, starts, size)
    return tf.cast(images, tf.float32), tf.cast(labels, tf.int32)

  return (
    examples.map(with_size)
    # Padded, a tall image beside a wide one could fill the memory.
    .ragged_batch(batch_size)
    .map(cut, tf.data.AUTOTUNE)
    .prefetch(tf.data.AUTOTUNE)
  )


def _windows(
  x: tf.RaggedTensor | tf.Tensor, starts: tf.Tensor, size: tf.Tensor
) -> tf.Tensor:
  """[B, *size] of images or labels x, each from where its [row, column] says.

  Args:
    x: [B, H, W] or [B, H, W, 3], ragged unless all have one static shape.
    starts: int32 [B, 2].
    size: int32, the shape of a window.
  """

  def window(pair):
    each, start = pair
    if isinstance(each, tf.RaggedTensor):
      each = each.to_tensor()
    return tf.slice(each, tf.pad(start, [[0, size.shape[0] - 2]]), size)

  return tf.map_fn(window, (x, starts), fn_output_signature=x.dtype)
