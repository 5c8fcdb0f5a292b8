"""What a run validates on."""

from __future__ import annotations

import tensorflow as tf
from absl import logging

from deeplab_nas import config as config_lib
from deeplab_nas.data import dataset_info, input_pipeline


def of(
  config: config_lib.DataConfig, info: dataset_info.DatasetInfo
) -> tf.data.Dataset | None:
  """Batches of the validation split; None if there is none.

  Args:
    config: Split, batch size, and how many images are enough.
    info: Of the data.
  """
  if not config.val_split:
    logging.warning('data.val_split is empty: nothing will be validated.')
    return None
  val = input_pipeline.eval_dataset(
    config.dir, config.val_split, info, config.pipeline()
  )
  if config.max_val_images is not None:
    val = val.unbatch().take(config.max_val_images).batch(config.batch_size)
  return val
