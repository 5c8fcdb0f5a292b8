"""The callbacks of a run, in the order in which they have to run."""

from __future__ import annotations

import functools
from collections.abc import Callable

import tensorflow as tf

from deeplab_nas.config import config as config_lib
from deeplab_nas.data import dataset_info
from deeplab_nas.report import (
  arch_state,
  health,
  metrics_log,
  picture_log,
  progress,
  samples,
  tensorboard_log,
  text,
)
from deeplab_nas.run import directory as run_directory
from deeplab_nas.space import genotype as genotype_lib


def for_training(
  run: run_directory.RunDirectory,
  config: config_lib.Config,
  info: dataset_info.DatasetInfo,
  steps_per_epoch: int,
  val: tf.data.Dataset | None,
) -> list[tf.keras.callbacks.Callback]:
  """Files, pictures, TensorBoard and the progress of a training.

  Args:
    run: Where the files go.
    config: Settings of the run.
    info: Class names and palette of the data.
    steps_per_epoch: Steps in an epoch.
    val: Validation batches of images [B, H, W, 3] and labels [B, H, W], from
      which the sample predictions are taken; None without validation.
  """
  bar = progress.ProgressBar(
    steps_per_epoch, config.train.epochs, config.data.batch_size
  )
  shown = logs(run, config, info, steps_per_epoch, val)
  return [*shown, bar]


def logs(
  run: run_directory.RunDirectory,
  config: config_lib.Config,
  info: dataset_info.DatasetInfo,
  steps_per_epoch: int,
  val: tf.data.Dataset | None,
  read_arch: arch_state.ReadArch | None = None,
) -> list[tf.keras.callbacks.Callback]:
  """What every run writes down; arguments as in `for_training`.

  Args:
    read_arch: Gives the architecture's state; None where it is fixed.
  """
  shown = None
  if val is not None:
    shown = samples.SamplePredictions(val, info, config.runtime.num_panels)
  events = tensorboard_log.Events(run)
  watch = health.Health(
    info,
    read_arch,
    config.search.arch_start_epoch,
    config.train if read_arch is None else config.search,
    functools.partial(metrics_log.read, run),
  )
  return [
    watch,
    metrics_log.MetricsLog(run, info, read_arch, watch.take_new),
    tensorboard_log.TensorBoardLog(
      run, info, steps_per_epoch, read_arch, events=events
    ),
    picture_log.PictureLog(
      run, shown, steps_per_epoch, read_arch, costs_of(config, info), events
    ),
  ]


def costs_of(
  config: config_lib.Config, info: dataset_info.DatasetInfo
) -> Callable[[genotype_lib.Genotype], str]:
  """Says what an architecture of a search costs as a network of its own."""
  size, network = config.data.crop_size, config.network

  def text_of(genotype: genotype_lib.Genotype) -> str:
    space = config.space.build()
    model = network.cost_model(space, info.num_classes, size)
    return text.costs(model.of(genotype), network.filter_multiplier, size)

  return text_of
