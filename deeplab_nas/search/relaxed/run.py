"""One search, from a configuration to `genotype.json`."""

from __future__ import annotations

import dataclasses
import functools
import time
from collections.abc import Callable

import tensorflow as tf
from absl import logging

from deeplab_nas import errors
from deeplab_nas.config import config as config_lib
from deeplab_nas.data import dataset_info, input_pipeline, subsets
from deeplab_nas.nn.kernels import phases
from deeplab_nas.nn.supernet import supernet as supernet_lib
from deeplab_nas.report import dry_run as estimate
from deeplab_nas.report import (
  measure,
  metrics_log,
  nan_monitor,
  tensorboard_log,
)
from deeplab_nas.run import (
  checkpoints,
  devices,
  val_batches,
)
from deeplab_nas.run import directory as run_directory
from deeplab_nas.run import session as session_lib
from deeplab_nas.search import callbacks, genotype_log, strategies
from deeplab_nas.search import summary as search_summary
from deeplab_nas.search.relaxed import cost_term, noise_walks
from deeplab_nas.search.relaxed import searcher as searcher_lib
from deeplab_nas.search.relaxed.scoring import conclusion
from deeplab_nas.space import supernet_cost, widths
from deeplab_nas.train import class_weights, recalibration


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

  @property
  def model(self) -> tf.keras.Model:
    return self.searcher

  def compile(self, batches: tf.data.Dataset) -> None:
    """Compiles both kinds of steps, and leaves no trace."""
    self.searcher.warm_up(batches)

  def train(self, start_step: int = 0) -> tf.data.Dataset:
    """Endless pairs of batches, of split A and of split B."""
    data = self.config.data

    def half(subset: str) -> tf.data.Dataset:
      return input_pipeline.train_dataset(
        data.dir,
        data.train_split,
        self.info,
        self._pipeline(subset),
        subset=subset,
        start_step=start_step,
      )

    return tf.data.Dataset.zip(tuple(map(half, subsets.HALVES)))

  def names_of(self, step: int) -> list[str]:
    """Names of the images of both halves that a step sees."""
    data = self.config.data
    return [
      name
      for subset in subsets.HALVES
      for name in input_pipeline.batch_names(
        data.dir, data.train_split, self._pipeline(subset), step, subset
      )
    ]

  def nan_monitor(self) -> nan_monitor.NaNMonitor:
    """Watches for steps whose loss or gradient is not finite."""
    return nan_monitor.NaNMonitor(
      'search',
      self.steps_per_epoch,
      self.names_of,
      self.config.runtime.nan_policy == 'skip',
    )

  def _pipeline(self, subset: str) -> input_pipeline.PipelineConfig:
    # Two streams of one seed would draw the same augmentations.
    seed = 2 * self.config.runtime.seed + subsets.HALVES.index(subset)
    return self.config.data.pipeline(seed)


def build(config: config_lib.Config) -> SearchRun:
  """Reads the data's description and builds the model.

  Raises:
    UserError: If the data is missing or too small, or not every path of the
      space has a network.
  """
  data = config.data
  _check_low_level_stride(config.network.low_level_stride)
  strategy, info = session_lib.begin(config)
  counts = input_pipeline.count_subsets(
    data.dir, data.train_split, data.pipeline().shares
  )
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
        f' fewer than data.batch_size, which is {data.batch_size}: lower it,'
        f' choose another data.b_fraction than {data.b_fraction:g}, or add'
        ' images.'
      )
  steps_per_epoch = (
    config.search.steps_per_epoch or counts['a'] // data.batch_size
  )
  weights = class_weights.compute(config.search, info, data.train_split)
  replica_batch = devices.replica_batch(strategy, data.batch_size)
  with strategy.scope():
    space = config.space.build()
    costs = cost_term.build(config, space, info.num_classes)
    searcher = searcher_lib.Searcher(
      space,
      info.num_classes,
      config.search,
      steps_per_epoch,
      ignore_label=info.ignore_label,
      seed=config.runtime.seed,
      keeps_statistics=config.runtime.nan_policy == 'skip',
      sync_batch_norm=devices.synchronizes_norms(config.runtime, replica_batch),
      class_weights=weights,
      passes=noise_walks.Passes(counts['b'], data.batch_size),
      settings=strategies.settings(config),
    )
    cost_term.attach(searcher.strategy, costs)
    _warn_if_short(searcher, config.search.epochs * steps_per_epoch)
    searcher.compile(searcher.weight_optimizer)
  val = val_batches.make(data, info, strategy.num_replicas_in_sync > 1)
  searcher.recalibration = _recalibration(
    config, info, searcher, steps_per_epoch
  )
  return SearchRun(config, info, searcher, steps_per_epoch, val)


def _check_low_level_stride(stride: int) -> None:
  finest = widths.LOW_LEVEL_STRIDE
  errors.require(
    stride == finest,
    f'network.low_level_stride is {stride}: a search by gradients can end with'
    f' a path that lacks this stride, of which there is no network. Set'
    f' {finest}, or search by trials.',
  )


def _warn_if_short(searcher: searcher_lib.Searcher, num_steps: int) -> None:
  """Of a strategy that decides step by step, and has too few of them."""
  least = getattr(searcher.strategy, 'least_steps', 0)
  if num_steps < least:
    logging.warning(
      '%s has a step of its own for each decision from %d steps on, and this'
      ' search has %d: it leaves some undecided.',
      searcher.strategy.name,
      least,
      num_steps,
    )


def _recalibration(
  config: config_lib.Config,
  info: dataset_info.DatasetInfo,
  searcher: searcher_lib.Searcher,
  steps_per_epoch: int,
) -> recalibration.Recalibration | None:
  """Of the supernet before a validation; None where none is due."""
  count = recalibration.num_batches(
    config.search.recalibration_batches,
    config.data,
    info,
    config.search.epochs * steps_per_epoch,
    steps_per_epoch,
  )
  twin = None
  if count and searcher.distribute_strategy.num_replicas_in_sync > 1:
    twin = supernet_lib.Supernet(
      searcher.space, info.num_classes, precision=config.search.precision
    )

  def forward(supernet: supernet_lib.Supernet, images: tf.Tensor) -> tf.Tensor:
    weights = searcher.strategy.mode()
    return supernet(images, weights, phases.WEIGHT_STEP)

  return recalibration.from_config(
    config,
    info,
    searcher.supernet,
    count,
    twin,
    forward,
    subset=subsets.HALVES[0],  # that of the weights
  )


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
  saver = checkpoints.Saver(
    directory,
    config.runtime.checkpoint_minutes,
    optional=optional_state(searcher),
    searcher=searcher,
  )
  session = session_lib.Session(
    directory,
    config,
    searcher,
    saver,
    config.search.epochs,
    parts.steps_per_epoch,
    parts.train,
    parts.compile,
    parts.val,
  )
  position = session.restore(resume)
  if saver.absent:  # a checkpoint of before
    searcher.noise_walks.restart()
  if position.epoch < session.epochs:
    tensorboard_log.forget_after(
      directory, position.logged_steps(parts.steps_per_epoch)
    )
    session.fit(position, lambda: _callbacks(parts, directory))
  elif not directory.arch_weights.exists():  # of an earlier release
    genotype_log.save(directory, searcher.arch_state())
  concluded = ''
  if hasattr(searcher.strategy, 'conclude'):
    concluded = conclusion.run(config, parts.info, searcher, directory)
  session.finish(_summary(parts, directory, concluded))


def optional_state(searcher: searcher_lib.Searcher) -> dict[str, tf.Module]:
  """What is in checkpoints by its name, but not in those of before."""
  walks = searcher.noise_walks
  return {} if walks is None else {'noise_walks': walks}


def _callbacks(
  parts: SearchRun, directory: run_directory.RunDirectory
) -> list[tf.keras.callbacks.Callback]:
  """First what refuses, so that nothing of a bad epoch is written."""
  shown = callbacks.for_search(
    directory,
    parts.config,
    parts.info,
    parts.steps_per_epoch,
    parts.val,
    parts.searcher.arch_state,
  )
  log = recalibration.RecalibrationLog(at_every_epoch=True)
  return [parts.nan_monitor(), log, *shown]


def _summary(
  parts: SearchRun, directory: run_directory.RunDirectory, concluded: str
) -> str:
  data = parts.config.data
  state = parts.searcher.arch_state()
  return search_summary.summarize(
    directory,
    state.genotype,
    state.space,
    parts.info,
    input_pipeline.max_size(data.dir, data.train_split, parts.info),
    ([{}] + metrics_log.read(directory))[-1],
    parts.config.network,
    state,
    concluded,
  )


def dry_run(config: config_lib.Config) -> estimate.Estimate:
  """Runs a few steps of each kind at full size and measures them."""
  started = measure.start(functools.partial(build, config))
  parts = started.run
  searcher = parts.searcher
  weight_seconds, arch_seconds = seconds_of_steps(started)
  num_steps = config.search.epochs * parts.steps_per_epoch
  return started.estimate(
    weight_seconds,
    arch_step_seconds=arch_seconds * mean_cost(parts, num_steps),
    epochs=config.search.epochs,
    arch_start_epoch=config.search.arch_start_epoch,
    **scoring(parts),
    counted_bytes=supernet_cost.SupernetCost(
      searcher.space,
      parts.info.num_classes,
      config.data.crop_size,
      config.data.batch_size,
    ).total_bytes(config.search.recompute),
  )


def seconds_of_steps(
  started: measure.Started, clock: Callable[[], float] = time.monotonic
) -> tuple[float, float]:
  """Seconds of a step of the weights, and of one of the strategy.

  Args:
    started: A search; afterwards it steps at once.
    clock: Tells the seconds.
  """
  begin, seconds = started.run.searcher.arch_start_step, []
  for first in (tf.int64.max, 0):
    begin.assign(first)
    seconds.append(measure.median_seconds(started.step, clock))
  weights, both = seconds
  return weights, max(both - weights, 0.0)


def mean_cost(parts: SearchRun, num_steps: int) -> float:
  """What the strategy's steps take in the mean, by what the first ones do.

  Args:
    parts: Of a search.
    num_steps: Of the weights, in the whole search.
  """
  strategy = parts.searcher.strategy
  if not hasattr(strategy, 'mean_cost'):
    return 1.0
  return strategy.mean_cost(num_steps)


def scoring(
  parts: SearchRun, clock: Callable[[], float] = time.monotonic
) -> dict[str, float]:
  """The fields of an `Estimate` that say what scores at the end take.

  Args:
    parts: Of a search.
    clock: Tells the seconds.

  Returns:
    Nothing, if its strategy has decided when its steps are done.
  """
  strategy = parts.searcher.strategy
  if not hasattr(strategy, 'conclude'):
    return {}
  evaluate = conclusion.evaluator(parts.config, parts.info, parts.searcher)
  found = strategy.genotype()
  evaluate(found)  # compiles
  seconds = measure.median_seconds(lambda: evaluate(found), clock)
  return {'num_scored': strategy.num_scored, 'score_seconds': seconds}
