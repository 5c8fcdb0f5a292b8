"""One search, from a configuration to `genotype.json`."""

from __future__ import annotations

import dataclasses

import tensorflow as tf
from absl import logging

from deeplab_nas import config as config_lib
from deeplab_nas import errors
from deeplab_nas.data import dataset_info, input_pipeline
from deeplab_nas.search import searcher as searcher_lib


@dataclasses.dataclass(frozen=True)
class SearchRun:
  """The parts of a search, ready to go.

  Attributes:
    config: What was asked for.
    info: Classes, ignore label and palette of the data.
    searcher: The model.
    steps_per_epoch: Weight steps in an epoch.
    val: Validation batches, or None without a validation split.
  """

  config: config_lib.Config
  info: dataset_info.DatasetInfo
  searcher: searcher_lib.Searcher
  steps_per_epoch: int
  val: tf.data.Dataset | None

  def train(self, start_step: int = 0) -> tf.data.Dataset:
    """Endless pairs of batches, of split A and of split B."""
    data = self.config.data

    def half(subset: str) -> tf.data.Dataset:
      # Two streams of one seed would draw the same augmentations.
      seed = 2 * self.config.runtime.seed + input_pipeline.SUBSETS.index(subset)
      return input_pipeline.train_dataset(
        data.dir,
        data.train_split,
        self.info,
        data.pipeline(seed),
        subset=subset,
        start_step=start_step,
      )

    return tf.data.Dataset.zip(tuple(map(half, input_pipeline.SUBSETS)))


def build(config: config_lib.Config) -> SearchRun:
  """Reads the data's description and builds the model.

  Raises:
    UserError: If the data is missing or too small.
  """
  data = config.data
  tf.keras.utils.set_random_seed(config.runtime.seed)
  info = dataset_info.DatasetInfo.load(data.dir, data.dataset or None)
  counts = input_pipeline.count_subsets(data.dir, data.train_split)
  logging.info(
    'Split %s: %d images in half A (weights), %d in half B (architecture).',
    data.train_split,
    counts['a'],
    counts['b'],
  )
  for subset, count in counts.items():
    if count < data.batch_size:
      raise errors.UserError(
        f'Half {subset.upper()} of split {data.train_split} has {count} images,'
        f' fewer than data.batch_size, which is {data.batch_size}.'
      )
  steps_per_epoch = (
    config.search.steps_per_epoch or counts['a'] // data.batch_size
  )
  searcher = searcher_lib.Searcher(
    config.space.build(),
    info.num_classes,
    config.search,
    steps_per_epoch,
    ignore_label=info.ignore_label,
    seed=config.runtime.seed,
  )
  searcher.compile(searcher.weight_optimizer)
  return SearchRun(config, info, searcher, steps_per_epoch, _val(config, info))


def _val(
  config: config_lib.Config, info: dataset_info.DatasetInfo
) -> tf.data.Dataset | None:
  data = config.data
  if data.val_split not in info.splits and info.splits:
    logging.warning('No split %s: the search is not validated.', data.val_split)
    return None
  val = input_pipeline.eval_dataset(
    data.dir, data.val_split, info, data.pipeline()
  )
  if data.max_val_images is not None:
    val = val.unbatch().take(data.max_val_images).batch(data.batch_size)
  return val
