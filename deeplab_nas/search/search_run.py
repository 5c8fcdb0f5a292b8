"""One search, from a configuration to `genotype.json`."""

from __future__ import annotations

import dataclasses
import statistics
import time
from collections.abc import Callable

import numpy as np
import tensorflow as tf
from absl import logging

from deeplab_nas import config as config_lib
from deeplab_nas import errors
from deeplab_nas.data import dataset_info, input_pipeline
from deeplab_nas.search import searcher as searcher_lib
from deeplab_nas.train import (
  callbacks,
  estimate,
  metrics_log,
  run_directory,
  summary,
)

_TIMED_STEPS = 3  # of each kind, in a dry run
# What TensorFlow raises for a checkpoint that is damaged or does not fit.
_UNREADABLE = (tf.errors.OpError, ValueError, IndexError, AssertionError)


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
  if not data.val_split:
    logging.warning('data.val_split is empty: the search is not validated.')
    return None
  val = input_pipeline.eval_dataset(
    data.dir, data.val_split, info, data.pipeline()
  )
  if data.max_val_images is not None:
    val = val.unbatch().take(data.max_val_images).batch(data.batch_size)
  return val


def run(
  config: config_lib.Config,
  directory: run_directory.RunDirectory,
  resume: bool = False,
) -> None:
  """Searches, and writes `genotype.json` and all else to the run's folder.

  Args:
    config: Every setting.
    directory: Where the results go.
    resume: Whether to go on from the folder's last checkpoint, if it has one.

  Raises:
    UserError: If data or checkpoint do not fit.
  """
  parts = build(config)
  searcher = parts.searcher
  saver = _Saver(searcher, directory)
  first_epoch = saver.restore() if resume else 0
  train = parts.train(start_step=first_epoch * parts.steps_per_epoch)
  if first_epoch < config.search.epochs:
    logging.info('Compiling both kinds of steps (a minute or two) ...')
    # On batches of its own: a tf.data shuffle counts how often it was begun.
    searcher.warm_up(parts.train())
  watchers = callbacks.for_search(
    directory, config, parts.info, parts.steps_per_epoch, parts.val
  )
  _fit(
    searcher,
    train,
    epochs=config.search.epochs,
    initial_epoch=first_epoch,
    steps_per_epoch=parts.steps_per_epoch,
    validation_data=parts.val,
    callbacks=[*watchers, saver],
  )
  text = summary.text(
    directory,
    searcher.strategy.genotype(),
    searcher.space,
    parts.info,
    input_pipeline.max_size(
      config.data.dir, config.data.train_split, parts.info
    ),
    ([{}] + metrics_log.read(directory))[-1],
  )
  run_directory.write_file(directory.summary, text + '\n')
  print(text)


def _fit(searcher: searcher_lib.Searcher, train, **settings) -> None:
  try:
    searcher.fit(train, verbose=0, **settings)
  except KeyboardInterrupt:
    logging.info(
      'Stopped. The same command with --resume goes on after the last epoch '
      'that was finished.'
    )
    raise


def dry_run(config: config_lib.Config) -> estimate.Estimate:
  """Runs a few steps of each kind at full size and measures them."""
  start = time.monotonic()
  parts = build(config)
  searcher, train = parts.searcher, parts.train()
  searcher.warm_up(train)
  startup_seconds = time.monotonic() - start
  step, batches = searcher.make_train_function(), iter(train)

  def seconds_per_step(arch_start_step: int) -> float:
    searcher.arch_start_step.assign(arch_start_step)
    return _median_seconds(lambda: step(batches))

  weight_seconds = seconds_per_step(tf.int64.max)
  both_seconds = seconds_per_step(0)
  val_seconds, num_val_images = _time_validation(parts)
  return estimate.Estimate(
    startup_seconds=startup_seconds,
    weight_step_seconds=weight_seconds,
    arch_step_seconds=max(both_seconds - weight_seconds, 0.0),
    val_image_seconds=val_seconds,
    peak_bytes=estimate.peak_bytes(),
    steps_per_epoch=parts.steps_per_epoch,
    epochs=config.search.epochs,
    arch_start_epoch=config.search.arch_start_epoch,
    num_val_images=num_val_images,
  )


def _time_validation(parts: SearchRun) -> tuple[float, int]:
  """Seconds per image, and the number of images; zeros without validation."""
  if parts.val is None:
    return 0.0, 0
  images, _ = batch = next(iter(parts.val))
  step = tf.function(parts.searcher.test_step)
  step(batch)  # compiles
  seconds = _median_seconds(lambda: step(batch))
  num_images = sum(int(labels.shape[0]) for _, labels in parts.val)
  return seconds / int(images.shape[0]), num_images


def _median_seconds(step: Callable[[], object]) -> float:
  times = []
  for _ in range(_TIMED_STEPS):
    start = time.monotonic()
    tf.nest.map_structure(np.asarray, step())  # waits for the result
    times.append(time.monotonic() - start)
  return statistics.median(times)


class _Saver(tf.keras.callbacks.Callback):
  """Keeps the whole search in `checkpoints/`, after every epoch."""

  def __init__(
    self,
    searcher: searcher_lib.Searcher,
    directory: run_directory.RunDirectory,
  ):
    super().__init__()
    self._directory = directory
    self._epoch = tf.Variable(0, False, dtype=tf.int64)
    self._checkpoint = tf.train.Checkpoint(searcher=searcher, epoch=self._epoch)
    self._manager = tf.train.CheckpointManager(
      self._checkpoint,
      str(directory.checkpoints),
      max_to_keep=2,
    )

  def restore(self) -> int:
    """Restores the last checkpoint; the epochs it has seen, 0 without one."""
    if not self._manager.checkpoints:
      if self._directory.metrics.exists():
        raise errors.UserError(
          f'{self._directory} has results but no checkpoint in'
          f' {self._directory.checkpoints.name}/, so it cannot be resumed:'
          ' start again with --overwrite, or choose another folder.'
        )
      return 0
    for path in reversed(self._manager.checkpoints):
      try:
        self._checkpoint.restore(path).assert_existing_objects_matched()
      except _UNREADABLE as error:
        logging.warning('%s cannot be restored: %s', path, _first_line(error))
        continue
      logging.info('Resuming after epoch %d.', int(self._epoch))
      return int(self._epoch)
    raise errors.UserError(
      f'No checkpoint in {self._directory.checkpoints} can be restored: it is'
      ' damaged, or of other data or code. Start again with --overwrite, or'
      ' choose another folder.'
    )

  def on_epoch_end(self, epoch, logs=None):
    self._epoch.assign(epoch + 1)
    self._manager.save()


def _first_line(error: Exception) -> str:
  return (str(error).splitlines() or [type(error).__name__])[0][:200]
