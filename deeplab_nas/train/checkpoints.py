"""`checkpoints/`: all that a run needs to go on, after every epoch."""

from __future__ import annotations

import os

import tensorflow as tf
from absl import logging

from deeplab_nas import errors
from deeplab_nas.train import run_directory

# What TensorFlow raises for a checkpoint that is damaged or does not fit.
UNREADABLE = (tf.errors.OpError, ValueError, IndexError, AssertionError)
_DIGEST = 'genotype_digest'


class Saver(tf.keras.callbacks.Callback):
  """Keeps the last two states of a run, and gives the last one back.

  saver = Saver(directory, searcher=searcher)
  first_epoch = saver.restore()
  model.fit(..., initial_epoch=first_epoch, callbacks=[..., saver])
  """

  def __init__(self, directory: run_directory.RunDirectory, **tracked):
    """Keeps what is tracked, under its name, and the number of epochs."""
    super().__init__()
    self._directory = directory
    self._epoch = tf.Variable(0, False, dtype=tf.int64)
    self._checkpoint = tf.train.Checkpoint(epoch=self._epoch, **tracked)
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
      except UNREADABLE as error:
        logging.warning('%s cannot be restored: %s', path, first_line(error))
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
    self._directory.settle()


def digest_variable(digest: str) -> tf.Variable:
  """A genotype's digest, to be tracked as `genotype_digest`."""
  return tf.Variable(digest, trainable=False, name=_DIGEST)


def read_digest(prefix: str | os.PathLike[str]) -> str:
  """The digest that a checkpoint was saved with; '' if with none."""
  reader = tf.train.load_checkpoint(os.fspath(prefix))
  for key in reader.get_variable_to_shape_map():
    if key.startswith(f'{_DIGEST}/'):
      return reader.get_tensor(key).decode('utf-8')
  return ''


def first_line(error: Exception) -> str:
  """What an exception of TensorFlow says, short enough for a log."""
  return (str(error).splitlines() or [type(error).__name__])[0][:200]
