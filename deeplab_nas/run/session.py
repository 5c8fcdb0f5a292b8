"""What every run does from its first operation to its summary.

strategy, info = session.begin(config, genotype=genotype.digest)
...                                     # builds the model in its scope
run = session.Session(...)
position = run.restore(resume)
if position.epoch < epochs:
  run.fit(position, callbacks)
run.finish(summary)
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection, Sequence
from typing import Protocol

import tensorflow as tf
from absl import logging

from deeplab_nas import files
from deeplab_nas.config import config as config_lib
from deeplab_nas.data import classes, dataset_info, labelled
from deeplab_nas.run import (
  checkpoints,
  devices,
  loop,
  worker_check,
)
from deeplab_nas.run import directory as run_directory


class TrainBatches(Protocol):
  """Gives the endless batches that a training step takes."""

  def __call__(self, start_step: int = 0) -> tf.data.Dataset:
    """Batches from a step on; equal steps have equal batches."""


def begin(
  config: config_lib.Config, **facts: str
) -> tuple[tf.distribute.Strategy, dataset_info.DatasetInfo]:
  """Seeds, finds the other workers, and checks that all were started alike.

  To be called before any operation of TensorFlow: workers have to find each
  other first.

  Args:
    config: Every setting.
    **facts: What else workers have to have in common, by its name.

  Returns:
    The devices, and the description of the data.

  Raises:
    UserError: If the data has no description, or one class or none in its
      labels, or workers differ.
  """
  tf.keras.utils.set_random_seed(config.runtime.seed)
  strategy = devices.strategy(config.runtime)
  data = config.data
  info = dataset_info.DatasetInfo.load(data.dir, data.dataset or None)
  classes.require_several(info, data.train_split)
  labelled.require(data.dir, data.train_split, info, num_classes=2)
  worker_check.require(strategy, {**worker_check.facts(config, info), **facts})
  return strategy, info


@dataclasses.dataclass(frozen=True)
class Session:
  """A model that is built, and all that its run needs.

  Attributes:
    directory: Where the results go.
    config: Every setting.
    model: The compiled model.
    saver: Keeps the state of the run.
    epochs: Of the whole run.
    steps_per_epoch: Of every epoch.
    train: Gives the training batches.
    compile: Compiles all kinds of steps on some batches, and leaves no trace.
    val: Validation batches, or None.
    validated_epochs: Those that are validated, counted from 1; None for all.
  """

  directory: run_directory.RunDirectory
  config: config_lib.Config
  model: tf.keras.Model
  saver: checkpoints.Saver
  epochs: int
  steps_per_epoch: int
  train: TrainBatches
  compile: Callable[[tf.data.Dataset], None]
  val: tf.data.Dataset | None = None
  validated_epochs: Collection[int] | None = None

  def restore(self, resume: bool) -> checkpoints.Position:
    """The last checkpoint's position, with its state; else the beginning.

    Args:
      resume: Whether to go on from the folder's last checkpoint.

    Raises:
      UserError: If no checkpoint fits, or workers have different ones.
    """
    position = self.saver.restore() if resume else checkpoints.Position()
    worker_check.require(
      self.model.distribute_strategy,
      {'checkpoint to go on from': str(position)},
    )
    return position

  def fit(
    self,
    position: checkpoints.Position,
    callbacks: Callable[[], Sequence[tf.keras.callbacks.Callback]],
  ) -> None:
    """Runs what is left.

    Args:
      position: What is done.
      callbacks: Makes those of the run, when the steps are compiled.
    """
    train = self.train(position.step_of_run(self.steps_per_epoch))
    logging.info(
      'Compiling all kinds of steps (minutes, for a large network) ...'
    )
    # On batches of its own: a tf.data shuffle counts how often it was begun.
    self.compile(self.train())
    loop.TrainingLoop(
      self.model,
      self.saver,
      self.epochs,
      self.steps_per_epoch,
      self.val,
      self.validated_epochs,
    ).run(train, position, callbacks())

  def finish(self, summary: str) -> None:
    """Writes summary.txt."""
    files.write(self.directory.summary, summary + '\n')
