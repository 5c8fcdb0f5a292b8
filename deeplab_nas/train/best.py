"""`best/`: the weights that are kept, and when to stop looking for better."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping

import numpy as np
import tensorflow as tf
from absl import logging

from deeplab_nas.run import checkpoints, plain_path
from deeplab_nas.run import directory as run_directory
from deeplab_nas.train import trainer as trainer_lib

_SCORE = 'val_miou'
_CHECKPOINT_NAME = 'epoch'


class BestKeeper(tf.keras.callbacks.Callback):
  """Saves the network whenever its validation mIoU is the highest so far.

  Or after every validation: then the last one is kept, however it scores.
  Without validation it saves the network of every epoch, and never stops. A
  validation without a label, whose mIoU is NaN, is none.
  What is saved are the averages of the weights, if there are any. Keras'
  ModelCheckpoint and EarlyStopping forget their best score in a new process;
  this one keeps it in variables.

  Attributes:
    state: For a checkpoint of the run.
  """

  def __init__(
    self,
    trainer: trainer_lib.Trainer,
    directory: run_directory.RunDirectory,
    digest: str,
    patience: int | None = None,
    keeps_last: bool = False,
  ):
    """Prepares the folder.

    Args:
      trainer: Owner of the network.
      directory: Of the run.
      digest: Of the genotype; saved too, so that nothing else is restored.
      patience: Epochs without a better score after which training stops; None
        for all.
      keeps_last: Whether a later epoch replaces a better one.
    """
    super().__init__()
    self._trainer = trainer
    self._patience = patience
    self._keeps_last = keeps_last
    self._folder = directory.best
    self._score = tf.Variable(-1.0, False, dtype=tf.float64)
    self._epoch = tf.Variable(0, False, dtype=tf.int64)
    self._stopped = tf.Variable(False, False)
    self.state = tf.train.Checkpoint(
      score=self._score, epoch=self._epoch, stopped=self._stopped
    )
    self._manager = tf.train.CheckpointManager(
      tf.train.Checkpoint(
        network=trainer.network,
        genotype_digest=checkpoints.digest_variable(digest),
      ),
      os.fspath(plain_path.of_folder(directory.best)),
      max_to_keep=1,
      checkpoint_name=_CHECKPOINT_NAME,
    )

  @property
  def epoch(self) -> int:
    """The epoch, counted from 1, that is in `best/`; 0 before the first."""
    return int(self._epoch)

  @property
  def is_stopped(self) -> bool:
    """Whether the training has ended early."""
    return bool(self._stopped)

  def resume_after(self, epoch: int) -> None:
    """Goes on after restored epochs if today's patience allows it."""
    if not self.is_stopped:
      return
    if not self._patience or epoch - self.epoch < self._patience:
      self._stopped.assign(False)
      return
    logging.info(
      'Early stopping has ended this training after epoch %d: a larger'
      ' train.early_stopping_epochs, or null, makes it go on.',
      epoch,
    )

  def on_epoch_end(
    self, epoch: int, logs: Mapping[str, float] | None = None
  ) -> None:
    score = (logs or {}).get(_SCORE)
    if score is None or not math.isfinite(score):
      is_unscored = float(self._score) < 0  # it was never validated
      if is_unscored or (self._keeps_last and score is not None):
        self._save(epoch + 1, is_validated=False)
      return
    if self._keeps_last:
      self._score.assign(float(score))
      self._save(epoch + 1)
    elif float(score) > float(self._score):
      self._score.assign(float(score))
      self._save(epoch + 1)
      self._warn_of_constant(epoch + 1)
    elif self._patience and epoch + 1 - self.epoch >= self._patience:
      self._stopped.assign(True)
      self._trainer.stop_training = True
      logging.info(
        'Stopping: the validation mIoU has not risen for %d epochs.',
        epoch + 1 - self.epoch,
      )

  def _warn_of_constant(self, epoch: int) -> None:
    """Says, each time, that the best so far is worth nothing."""
    predicted = np.asarray(self._trainer.val_metric.total_cm).sum(0)
    if len(predicted) > 1 and np.count_nonzero(predicted) == 1:
      logging.warning(
        'The best weights so far, after epoch %d, predict one class for every'
        ' pixel: they are kept until an epoch does better.',
        epoch,
      )

  def _save(self, epoch: int, is_validated: bool = True) -> None:
    self._epoch.assign(epoch)
    plain_path.of_folder(self._folder)  # still linked
    with self._trainer.averaged():
      if not is_validated:  # a validation does it too
        self._trainer.recalibrate()
      checkpoints.flush(self._manager.save(checkpoint_number=epoch))
