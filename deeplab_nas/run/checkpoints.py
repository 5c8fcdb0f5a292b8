"""`checkpoints/`: all that a run needs to go on, from any step."""

from __future__ import annotations

import json
import os
import pathlib
import shutil
import time
from collections.abc import Callable, Mapping
from typing import NamedTuple

import tensorflow as tf
from absl import logging

from deeplab_nas import errors, files
from deeplab_nas.run import directory as run_directory
from deeplab_nas.run import plain_path

# What TensorFlow raises for a checkpoint that is damaged or does not fit.
UNREADABLE = (tf.errors.OpError, ValueError, IndexError, AssertionError)
_DIGEST = 'genotype_digest'


class Position(NamedTuple):
  """What of a run is done.

  Attributes:
    epoch: Whole epochs.
    step: Steps of the next one; all of them if its end is still to come.
  """

  epoch: int = 0
  step: int = 0

  def step_of_run(self, steps_per_epoch: int) -> int:
    """All steps that are done."""
    return self.epoch * steps_per_epoch + self.step

  def logged_steps(self, steps_per_epoch: int) -> int:
    """The last step whose logs are complete: an epoch's end belongs to it."""
    done = self.step_of_run(steps_per_epoch)
    return done - 1 if self.step == steps_per_epoch else done


class Saver:
  """Keeps the last two states of a run, and gives the last one back.

      saver = Saver(directory, searcher=searcher)
      position = saver.restore()
      saver.save(Position(epoch=1, step=20), logs)

  Attributes:
    logs: Of the steps that were done in the epoch that was begun.
    absent: Names of what the restored state did not have.
  """

  def __init__(
    self,
    directory: run_directory.RunDirectory,
    every_minutes: float | None = None,
    clock: Callable[[], float] = time.monotonic,
    optional: Mapping[str, tf.Module] | None = None,
    **tracked,
  ):
    """Keeps what is tracked, under its name, and the position.

    Args:
      directory: Of the run.
      every_minutes: How often it `is_due`; None for never.
      clock: Gives seconds.
      optional: What is tracked as well, but may be absent where a state is
        restored, because an earlier release did not have it.
      **tracked: Anything that `tf.train.Checkpoint` takes.
    """
    self.logs: dict[str, float] = {}
    self.absent: frozenset[str] = frozenset()
    self._optional = dict(optional or {})
    self._directory = directory
    self._every_seconds = 60 * every_minutes if every_minutes else float('inf')
    self._clock = clock
    self._last = clock()
    self._epoch, self._step = (
      tf.Variable(0, False, dtype=tf.int64) for _ in range(2)
    )
    self._logs = tf.Variable('{}', False)
    self._checkpoint = tf.train.Checkpoint(
      epoch=self._epoch,
      step=self._step,
      logs=self._logs,
      **self._optional,
      **tracked,
    )
    _list_anew(directory)
    self._manager = tf.train.CheckpointManager(
      self._checkpoint,
      os.fspath(plain_path.of_folder(directory.checkpoints)),
      max_to_keep=2,
    )

  @property
  def is_due(self) -> bool:
    """Whether the last state is old enough for another one."""
    return self._clock() - self._last >= self._every_seconds

  @property
  def is_held_back(self) -> bool:
    """Whether to save at the ends of epochs only.

    So it is while an --overwrite can still be undone: the first checkpoint
    removes the run that was replaced.
    """
    return self._directory.is_replacing

  def restore(self) -> Position:
    """Restores the last state that is whole, or stays at the beginning.

    Raises:
      UserError: If there are results but no state that fits.
    """
    paths = newest_first(self._directory.resumed)
    if not paths:
      if self._directory.resumed.metrics.exists():
        raise errors.UserError(
          f'{self._directory} has results but no checkpoint in'
          f' {self._directory.checkpoints.name}/, so it cannot be resumed:'
          ' start again with --overwrite, or choose another folder.'
        )
      return Position()
    for path in paths:
      try:
        self._restore(plain_path.of_prefix(path))
      except UNREADABLE as error:
        logging.warning('%s cannot be restored: %s', path, first_line(error))
        continue
      return self._restored()
    raise errors.UserError(
      f'No checkpoint in {self._directory.checkpoints} can be restored: it is'
      ' damaged, or of other data or code. Start again with --overwrite, or'
      ' choose another folder.'
    )

  def _restore(self, prefix: str) -> None:
    """Restores a state; raises one of `UNREADABLE` if it does not fit."""
    keys = tf.train.load_checkpoint(prefix).get_variable_to_shape_map()
    present = {key.split('/')[0] for key in keys}
    self.absent = frozenset(self._optional) - present
    for name in self.absent:
      delattr(self._checkpoint, name)  # else it would have to be there
    try:
      status = self._checkpoint.restore(prefix)
      status.assert_existing_objects_matched()
    finally:
      for name in self.absent:
        setattr(self._checkpoint, name, self._optional[name])

  def save(
    self, position: Position, logs: Mapping[str, float] | None = None
  ) -> None:
    """Saves the state at a position; earlier ones stay whole until it is.

    Args:
      position: What is done.
      logs: Of the steps that are done in the epoch that was begun.

    Raises:
      UserError: If the disk is full.
    """
    plain = {name: float(value) for name, value in (logs or {}).items()}
    self._epoch.assign(position.epoch)
    self._step.assign(position.step)
    self._logs.assign(json.dumps(plain))
    plain_path.of_folder(self._directory.checkpoints)  # still linked
    try:
      path = self._manager.save()
    except tf.errors.OpError as error:
      self._remove_partial()
      if errors.NO_SPACE not in str(error):
        raise
      raise errors.UserError(
        f'{errors.NO_SPACE}: make room at {self._directory} and go on with'
        ' --resume; earlier checkpoints are kept.'
      ) from error
    flush(path)
    self._directory.settle()
    self._last = self._clock()

  def _restored(self) -> Position:
    self.logs = json.loads(self._logs.numpy())
    position = Position(int(self._epoch), int(self._step))
    within = f', step {position.step} of the next' if position.step else ''
    logging.info('Resuming after epoch %d%s.', position.epoch, within)
    return position

  def _remove_partial(self) -> None:
    for path in self._directory.checkpoints.glob('*_temp'):
      shutil.rmtree(path, ignore_errors=True)


def newest_first(directory: run_directory.RunDirectory) -> list[str]:
  """The checkpoints of a run, by the files that are there."""
  return [str(path.with_suffix('')) for path in reversed(_indices(directory))]


def latest(folder: str | os.PathLike[str]) -> str | None:
  """Prefix of the newest checkpoint of a folder, by TensorFlow's list.

  Returns:
    None if there is no list, or what it names is not there.
  """
  alias = plain_path.of_folder(folder) if os.path.isdir(folder) else folder
  state = tf.train.get_checkpoint_state(os.fspath(alias))
  if state is None:
    return None
  prefix = pathlib.Path(state.model_checkpoint_path)
  if prefix.parent == pathlib.Path(alias):
    prefix = pathlib.Path(folder) / prefix.name
  is_there = prefix.with_name(f'{prefix.name}.index').is_file()
  return os.fspath(prefix) if is_there else None


def _indices(directory: run_directory.RunDirectory) -> list[pathlib.Path]:
  return sorted(
    directory.checkpoints.glob('ckpt-*.index'),
    key=lambda path: int(path.stem.rpartition('-')[2]),
  )


def _list_anew(directory: run_directory.RunDirectory) -> None:
  """Writes TensorFlow's list by the files that are there.

  A process that is killed leaves it one checkpoint behind, a power cut empty.
  A checkpoint's index is written last.
  """
  paths = _indices(directory)
  if not paths:
    return
  lines = [f'model_checkpoint_path: "{paths[-1].stem}"']
  for path in paths:
    lines.append(f'all_model_checkpoint_paths: "{path.stem}"')
    lines.append(f'all_model_checkpoint_timestamps: {path.stat().st_mtime}')
  files.write(directory.checkpoints / 'checkpoint', '\n'.join(lines) + '\n')


def flush(prefix: str) -> None:
  """Has a checkpoint on the disk, and not only in the system's memory."""
  folder = pathlib.Path(prefix).parent
  for path in folder.glob(f'{pathlib.Path(prefix).name}.*'):
    files.flush(path)
  files.flush(folder)


def digest_variable(digest: str) -> tf.Variable:
  """A genotype's digest, to be tracked as `genotype_digest`."""
  return tf.Variable(digest, trainable=False, name=_DIGEST)


def read_digest(prefix: str | os.PathLike[str]) -> str:
  """The digest that a checkpoint was saved with; '' if with none."""
  reader = tf.train.load_checkpoint(plain_path.of_prefix(prefix))
  for key in reader.get_variable_to_shape_map():
    if key.startswith(f'{_DIGEST}/'):
      return reader.get_tensor(key).decode('utf-8')
  return ''


def first_line(error: Exception) -> str:
  """What an exception of TensorFlow says, short enough for a log."""
  return (str(error).splitlines() or [type(error).__name__])[0][:200]
