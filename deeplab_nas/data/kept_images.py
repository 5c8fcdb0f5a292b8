"""Decoded images that several pipelines of a process share.

A pipeline keeps what it decodes for itself alone. Where many short trainings
follow each other, decoding takes much of each: here it is done once.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator, Mapping

import numpy as np
import tensorflow as tf

from deeplab_nas.data import example_schema

Pair = tuple[tf.Tensor, tf.Tensor]
_local = threading.local()
_NONE = np.zeros([0, 0, 3], np.uint8), np.zeros([0, 0], np.uint8)


class KeptImages:
  """Pairs of uint8 image and label, by the bytes that they were decoded of.

  kept = KeptImages()
  with kept.used():
    train_dataset(...)   # what it decodes is kept
    train_dataset(...)   # decodes nothing again
  """

  def __init__(self):
    self._pairs: dict[tuple, tuple[np.ndarray, np.ndarray]] = {}

  def __len__(self) -> int:
    return len(self._pairs)

  @contextlib.contextmanager
  def used(self) -> Iterator[None]:
    """Pipelines that are made while this is open share their images."""
    before = getattr(_local, 'kept', None)
    _local.kept = self
    try:
      yield
    finally:
      _local.kept = before

  def decoded(
    self, features: Mapping[str, tf.Tensor], scale: float, decode: Callable
  ) -> Pair:
    """What `decode` makes of an example, or has made of it before."""
    parts = [features[example_schema.IMAGE], features[example_schema.LABEL]]
    key = tf.strings.to_hash_bucket_fast(parts, 2**62)

    def find(key):
      pair = self._pairs.get((*key.tolist(), scale))
      return (pair is not None, *(pair or _NONE))

    def keep(key, image, label):
      self._pairs[(*key.tolist(), scale)] = image, label
      return image, label

    dtypes = [tf.uint8, tf.uint8]
    found, image, label = tf.numpy_function(find, [key], [tf.bool, *dtypes])
    image, label = tf.cond(
      found,
      lambda: (image, label),
      lambda: tuple(tf.numpy_function(keep, [key, *decode(features)], dtypes)),
    )
    image.set_shape([None, None, 3])
    label.set_shape([None, None])
    return image, label


def decoder(scale: float, decode: Callable) -> Callable:
  """The same function, by way of the images that are kept now, if any are.

  Args:
    scale: Tells apart what was decoded to another size.
    decode: From the features of an example to a uint8 image [H, W, 3] and a
      uint8 label [H, W].
  """
  kept = getattr(_local, 'kept', None)
  if kept is None:
    return decode
  return lambda features: kept.decoded(features, scale, decode)
