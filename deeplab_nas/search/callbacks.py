"""The callbacks of a search, in the order in which they have to run."""

from __future__ import annotations

import tensorflow as tf

from deeplab_nas.config import config as config_lib
from deeplab_nas.data import dataset_info
from deeplab_nas.report import arch_state, progress
from deeplab_nas.report import callbacks as report_callbacks
from deeplab_nas.run import directory as run_directory
from deeplab_nas.search import genotype_log


def for_search(
  run: run_directory.RunDirectory,
  config: config_lib.Config,
  info: dataset_info.DatasetInfo,
  steps_per_epoch: int,
  val: tf.data.Dataset | None,
  read_arch: arch_state.ReadArch,
) -> list[tf.keras.callbacks.Callback]:
  """Files, pictures, TensorBoard and the progress of a search.

  Args:
    run: Where the files go.
    config: Settings of the run.
    info: Class names and palette of the data.
    steps_per_epoch: Weight steps in an epoch.
    val: Validation batches of images [B, H, W, 3] and labels [B, H, W], from
      which the sample predictions are taken; None without validation.
    read_arch: Gives the state of the architecture.
  """
  bar = progress.ProgressBar(
    steps_per_epoch,
    config.search.epochs,
    config.data.batch_size,
    config.search.arch_start_epoch,
  )
  return [
    genotype_log.GenotypeLog(run, read_arch),
    *report_callbacks.logs(
      run,
      config,
      info,
      steps_per_epoch,
      val,
      read_arch,
    ),
    # Last, so that its time between epochs holds the work of the others.
    bar,
  ]
