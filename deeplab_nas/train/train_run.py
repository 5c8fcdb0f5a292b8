"""One training of a found network, from a configuration to `best/`."""

from __future__ import annotations

import dataclasses
import functools
import io

import tensorflow as tf
from absl import logging

from deeplab_nas import errors, files
from deeplab_nas.config import config as config_lib
from deeplab_nas.data import dataset_info, input_pipeline, split_contents
from deeplab_nas.nn.kernels import conv_gradients
from deeplab_nas.report import (
  callbacks,
  measure,
  metrics_log,
  nan_monitor,
  tensorboard_log,
)
from deeplab_nas.report import dry_run as estimate
from deeplab_nas.report import text as report_text
from deeplab_nas.run import (
  checkpoints,
  continuation,
  devices,
  precompile,
  val_batches,
)
from deeplab_nas.run import directory as run_directory
from deeplab_nas.run import session as session_lib
from deeplab_nas.space import cost, draw
from deeplab_nas.space import genotype as genotype_lib
from deeplab_nas.train import (
  best,
  class_weights,
  distillation,
  init_from,
  recalibration,
  summary,
)
from deeplab_nas.train import build as network_builder
from deeplab_nas.train import trainer as trainer_lib


@dataclasses.dataclass(frozen=True)
class TrainRun:
  """The parts of a training, ready to go.

  Attributes:
    config: What was asked for.
    info: Classes, ignore label and palette of the data.
    genotype: The architecture.
    trainer: The model.
    steps_per_epoch: Steps in an epoch.
    val: Validation batches, or None without a validation split.
  """

  config: config_lib.Config
  info: dataset_info.DatasetInfo
  genotype: genotype_lib.Genotype
  trainer: trainer_lib.Trainer
  steps_per_epoch: int
  val: tf.data.Dataset | None

  @property
  def model(self) -> tf.keras.Model:
    return self.trainer

  def compile(self, batches: tf.data.Dataset) -> None:
    """Compiles the training step, and leaves no trace."""
    precompile.once(self.trainer, batches)

  def train(self, start_step: int = 0) -> tf.data.Dataset:
    """Endless batches of the training split."""
    data = self.config.data
    return input_pipeline.train_dataset(
      data.dir,
      data.train_split,
      self.info,
      data.pipeline(self.config.runtime.seed),
      start_step=start_step,
    )

  def names_of(self, step: int) -> list[str]:
    """Names of the images that a step sees."""
    data = self.config.data
    return input_pipeline.batch_names(
      data.dir,
      data.train_split,
      data.pipeline(self.config.runtime.seed),
      step,
    )

  def nan_monitor(self) -> nan_monitor.NaNMonitor:
    """Watches for steps whose loss or gradient is not finite."""
    return nan_monitor.NaNMonitor(
      'train',
      self.steps_per_epoch,
      self.names_of,
      self.config.runtime.nan_policy == 'skip',
    )


def build(
  config: config_lib.Config,
  genotype: genotype_lib.Genotype,
  with_init: bool = True,
) -> TrainRun:
  """Reads the data's description and builds the model.

  Args:
    config: Every setting.
    genotype: The architecture.
    with_init: Whether to load `train.init_from`; a run that is resumed has its
      own weights.

  Raises:
    UserError: If data, genotype or checkpoint do not fit.
  """
  data = config.data
  strategy, info = session_lib.begin(config, genotype=genotype.digest)
  steps_per_epoch = config.train.steps_per_epoch or _steps_per_epoch(data)
  weights = class_weights.compute(config.train, info, data.train_split)
  replica_batch = devices.replica_batch(strategy, data.batch_size)
  with strategy.scope():
    trainer = _trainer(
      config, genotype, info, steps_per_epoch, weights, replica_batch, with_init
    )
  trainer.recalibration = _recalibration(config, info, trainer, genotype)
  val = val_batches.make(data, info, strategy.num_replicas_in_sync > 1)
  return TrainRun(config, info, genotype, trainer, steps_per_epoch, val)


def _trainer(
  config, genotype, info, steps_per_epoch, weights, replica_batch, with_init
) -> trainer_lib.Trainer:
  """The model, in the scope of whatever strategy is open."""
  conv_gradients.require('train.precision', config.train.precision)
  sync = devices.synchronizes_norms(config.runtime, replica_batch)
  sync = sync or config.train.batch_norm == 'sync'
  network = network_builder.build(
    config.network,
    genotype,
    info.num_classes,
    precision=config.train.precision,
    sync=sync,
  )
  soft_labels = None
  if config.train.distil_share:
    soft_labels = distillation.begin(network, config, info, sync, with_init)
  elif with_init and config.train.init_from:
    init_from.load(network, config.train.init_from, info)
  elif config.train.batch_norm == 'freeze' and with_init:
    logging.warning(
      'train.batch_norm is freeze without --init_from: batch norm keeps the'
      ' statistics that a new network has, mean 0 and variance 1.'
    )
  return trainer_lib.Trainer(
    network,
    config.train,
    config.train.epochs * steps_per_epoch,
    weights,
    info.ignore_label,
    keeps_statistics=config.runtime.nan_policy == 'skip',
    soft_labels=soft_labels,
  )


def _recalibration(
  config: config_lib.Config,
  info: dataset_info.DatasetInfo,
  trainer: trainer_lib.Trainer,
  genotype: genotype_lib.Genotype,
) -> recalibration.Recalibration | None:
  """Before a validation; None where none is due."""
  count = recalibration.num_batches(
    config.train.recalibration_batches,
    config.data,
    info,
    trainer.total_steps,
    trainer.total_steps // len(config.train.validated_epochs()),
  )
  twin = None
  if count and trainer.distribute_strategy.num_replicas_in_sync > 1:
    twin = network_builder.build(
      config.network, genotype, info.num_classes, config.train.precision
    )
  return recalibration.from_config(
    config,
    info,
    trainer.network,
    count,
    twin,
  )


def run(
  config: config_lib.Config,
  genotype: genotype_lib.Genotype,
  directory: run_directory.RunDirectory,
  resume: bool = False,
) -> None:
  """Trains, and writes the weights and all else to the run's folder.

  Args:
    config: Every setting.
    genotype: The architecture.
    directory: Where the results go.
    resume: Whether to go on from the folder's last checkpoint, if it has one.

  Raises:
    UserError: If data, genotype or checkpoint do not fit.
  """
  continuation.keep_genotype(directory, genotype)
  has_weights = bool(resume and checkpoints.newest_first(directory.resumed))
  parts = build(config, genotype, with_init=not has_weights)
  parts.info.save(directory.dataset)
  keeper = best.BestKeeper(
    parts.trainer,
    directory,
    genotype.digest,
    config.train.early_stopping_epochs,
    config.train.keep == 'last',
  )
  session = _session(parts, directory, keeper)
  position = session.restore(resume)
  keeper.resume_after(position.epoch)
  if position.epoch < session.epochs and not keeper.is_stopped:
    _draw_genotype(directory, parts)
    tensorboard_log.forget_after(
      directory, position.logged_steps(parts.steps_per_epoch)
    )
    session.fit(position, lambda: [*_callbacks(parts, directory), keeper])
  session.finish(
    summary.summarize(
      directory,
      genotype,
      parts.trainer.network,
      metrics_log.read(directory),
      keeper.epoch,
      config.data.crop_size,
      config.train.keep,
    )
  )


def _session(
  parts: TrainRun,
  directory: run_directory.RunDirectory,
  keeper: best.BestKeeper,
) -> session_lib.Session:
  """What trains, and what is saved of it."""
  config = parts.config
  digest = parts.genotype.digest
  saver = checkpoints.Saver(
    directory,
    config.runtime.checkpoint_minutes,
    trainer=parts.trainer,
    best=keeper.state,
    genotype_digest=checkpoints.digest_variable(digest),
  )
  return session_lib.Session(
    directory,
    config,
    parts.trainer,
    saver,
    config.train.epochs,
    parts.steps_per_epoch,
    parts.train,
    parts.compile,
    parts.val,
    config.train.validated_epochs(),
  )


def _callbacks(
  parts: TrainRun, directory: run_directory.RunDirectory
) -> list[tf.keras.callbacks.Callback]:
  """First what refuses, so that nothing of a bad epoch is written."""
  shown = callbacks.for_training(
    directory, parts.config, parts.info, parts.steps_per_epoch, parts.val
  )
  return [parts.nan_monitor(), recalibration.RecalibrationLog(), *shown]


def dry_run(
  config: config_lib.Config, genotype: genotype_lib.Genotype
) -> estimate.Estimate:
  """Runs a few steps at full size and measures them."""
  started = measure.start(functools.partial(build, config, genotype))
  return started.estimate(
    measure.median_seconds(started.step),
    epochs=config.train.epochs,
    num_validations=len(config.train.validated_epochs()),
  )


def _steps_per_epoch(data: config_lib.DataConfig) -> int:
  """Full batches in the training split."""
  num_examples = split_contents.count_trained(
    data.dir, data.train_split, data.pipeline().shares
  )
  errors.require(
    num_examples >= data.batch_size,
    f'Split {data.train_split} has {num_examples}'
    f' images{" to train on" if data.held_out_fraction else ""}, fewer than'
    f' data.batch_size, which is {data.batch_size}.',
  )
  return num_examples // data.batch_size


def _draw_genotype(
  directory: run_directory.RunDirectory, parts: TrainRun
) -> None:
  size = parts.config.data.crop_size
  costs = parts.trainer.network.cost_model(size).breakdown(parts.genotype)
  filters = parts.config.network.filter_multiplier
  text = report_text.costs(sum(costs.values(), cost.Cost()), filters, size)
  picture = io.BytesIO()
  draw.save_picture(parts.genotype, picture, f'{directory}\n{text}')
  files.write(directory.pictures / 'genotype.png', picture.getvalue())
