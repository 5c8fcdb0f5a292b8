"""Whether a split has labels, by its records: dataset.json may not count them.

labelled.require(data_dir, 'train', info, num_classes=2)

Masks are read until enough is found, which the first one mostly has.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import numpy as np
import tensorflow as tf

from deeplab_nas import errors
from deeplab_nas.data import (
  agreement,
  classes,
  dataset_info,
  example_schema,
  shards,
)


def require(
  data_dir: str | os.PathLike,
  split: str,
  info: dataset_info.DatasetInfo,
  num_classes: int = 1,
  num_images: int | None = None,
) -> None:
  """Raises a UserError where there is nothing to learn or to measure.

  Args:
    data_dir: Folder of the shards.
    split: Name of the split.
    info: Classes and ignore label; what it counts is not asked for.
    num_classes: So many have to occur, 1 or 2.
    num_images: The first ones alone are read, of which one at least has to
      have a label; None for all.
  """
  found = set()
  for values in _values(data_dir, split, num_images):
    found |= {x for x in values if x < info.num_classes} - {info.ignore_label}
    if len(found) >= num_classes:
      return
  errors.require(
    bool(found), agreement.no_label(data_dir, split, info, num_images)
  )
  errors.require(
    False,
    classes.only_one(info, split, tuple(info.class_names[x] for x in found)),
  )


def _values(
  data_dir: str | os.PathLike, split: str, num_images: int | None
) -> Iterator[set[int]]:
  """The values of each mask, in the order of the records."""
  paths = [str(path) for path in shards.find(data_dir, split)]

  def values(record: tf.Tensor) -> tf.Tensor:
    contents = example_schema.parse_features(record)[example_schema.LABEL]
    nothing = tf.zeros([2], tf.int32)  # in the place of a mask that is missing
    label = example_schema.decode_label(contents, nothing)
    return tf.unique(tf.reshape(label, [-1]))[0]

  records = tf.data.TFRecordDataset(paths)
  if num_images is not None:
    records = records.take(num_images)
  for found in records.map(values).as_numpy_iterator():
    yield set(np.asarray(found).tolist())
