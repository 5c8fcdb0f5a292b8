"""What a run validates on."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import tensorflow as tf
from absl import logging

from deeplab_nas.config import config as config_lib
from deeplab_nas.data import (
  dataset_info,
  input_pipeline,
  labelled,
  pipeline_config,
  split_contents,
)


def make(
  config: config_lib.DataConfig,
  info: dataset_info.DatasetInfo,
  fills_last: bool = False,
) -> tf.data.Dataset | None:
  """Batches of what is held out or of the validation split; None if neither.

  Args:
    config: Split, batch size, and how many images are enough.
    info: Of the data.
    fills_last: Whether to fill the last batch with images that do not count, so
      that it can be divided among replicas.

  Raises:
    UserError: If none of the images has a label.
  """
  is_held_out = config.held_out_fraction > 0
  split = config.train_split if is_held_out else config.val_split
  if not split:
    logging.warning('data.val_split is empty: nothing will be validated.')
    return None
  if not is_held_out:  # what is trained on has labels
    labelled.require(config.dir, split, info, num_images=config.max_val_images)
  pipeline = config.pipeline()
  if not fills_last and _padding_is_large(config, split, info):
    logging.info(
      'The validation images are of very different sizes: they are taken one by'
      ' one, not padded to batches.'
    )
    pipeline = dataclasses.replace(pipeline, batch_size=1)
  val = input_pipeline.eval_dataset(
    config.dir, split, info, pipeline, held_out=is_held_out
  )
  if config.max_val_images is not None:
    val = val.unbatch().take(config.max_val_images).batch(pipeline.batch_size)
  if fills_last:
    val = val.map(lambda *batch: _filled(*batch, config.batch_size, info))
  return val


def _padding_is_large(
  config: config_lib.DataConfig, split: str, info: dataset_info.DatasetInfo
) -> bool:
  """Whether images padded to one size have many more pixels than they had."""
  known = info.splits.get(split)
  if known and known.min_size == known.max_size:
    return False
  sizes = split_contents.image_sizes(config.dir, split)
  sizes = sizes[: config.max_val_images].astype(np.int64)
  largest = split_contents.max_size(config.dir, split, info)
  most = pipeline_config.MOST_PADDING * sizes.prod(1).sum()
  return len(sizes) * math.prod(largest) > most


def _filled(images, labels, batch_size: int, info: dataset_info.DatasetInfo):
  """A batch of full size; what is added has the ignore label everywhere."""
  missing = batch_size - tf.shape(images)[0]
  images = tf.pad(images, [[0, missing], [0, 0], [0, 0], [0, 0]])
  labels = tf.pad(
    labels,
    [[0, missing], [0, 0], [0, 0]],
    constant_values=info.ignore_label,
  )
  return (
    tf.ensure_shape(images, [batch_size, *images.shape[1:]]),
    tf.ensure_shape(labels, [batch_size, *labels.shape[1:]]),
  )
