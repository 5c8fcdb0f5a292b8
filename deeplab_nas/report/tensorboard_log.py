"""Scalars for TensorBoard: train/loss, val/loss, architecture/..., config.

All of a run, its pictures too, is in one folder, which TensorBoard shows as one
run, however often that was resumed.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping

import numpy as np
import tensorflow as tf
from tensorboard.compat.proto import event_pb2

from deeplab_nas import files
from deeplab_nas.data import dataset_info
from deeplab_nas.evaluate import class_iou
from deeplab_nas.report import (
  arch_state,
  baseline,
  decode_agreement,
  metrics_log,
)
from deeplab_nas.run import directory as run_directory

_VAL_PREFIX = 'val_'


def forget_after(run: run_directory.RunDirectory, step: int) -> None:
  """Removes events of steps that a resumed run will repeat.

  Args:
    run: Of the events.
    step: The last one that stays.
  """
  for path in run.tensorboard.rglob('events.out.tfevents.*'):
    events = list(_events(str(path)))
    kept = [raw for raw, its_step in events if its_step <= step]
    if len(kept) == len(events):
      continue
    partial = path.with_name(f'.{path.name}.part')
    with tf.io.TFRecordWriter(str(partial)) as writer:
      for raw in kept:
        writer.write(raw)
    files.flush(partial)
    os.replace(partial, path)


def _events(path: str) -> Iterator[tuple[bytes, int]]:
  """Records of a file and their steps, as far as it was written."""
  try:
    for record in tf.data.TFRecordDataset(path):
      raw = record.numpy()
      yield raw, event_pb2.Event.FromString(raw).step
  except tf.errors.DataLossError:
    return  # killed while it wrote


class Events:
  """The event file of this start, which all that write of the run share.

  TensorBoard follows one file of a folder at a time.
  """

  def __init__(self, run: run_directory.RunDirectory):
    self._run = run
    self._writer: tf.summary.SummaryWriter | None = None

  def open(self) -> tf.summary.SummaryWriter:
    """The writer; the run's first one begins with its settings as text."""
    if self._writer is None:
      folder = self._run.tensorboard
      is_first = not list(folder.rglob('events.out.tfevents.*'))
      self._writer = tf.summary.create_file_writer(str(folder))
      if is_first and self._run.config.is_file():
        settings = self._run.config.read_text('utf-8')
        with self._writer.as_default():
          tf.summary.text('config', f'```yaml\n{settings}```', step=0)
    return self._writer

  def close(self) -> None:
    """Ends the file."""
    if self._writer is not None:
      self._writer.close()
      self._writer = None


class TensorBoardLog(tf.keras.callbacks.Callback):
  """Writes scalars, with train and val apart.

  The step is the number of weight steps. Training is also written within an
  epoch, as the running means of the epoch. What is not finite is left out.
  """

  def __init__(
    self,
    run: run_directory.RunDirectory,
    info: dataset_info.DatasetInfo,
    steps_per_epoch: int,
    read_arch: arch_state.ReadArch | None = None,
    every_steps: int = 50,
    events: Events | None = None,
  ):
    """Writes to `run`; a search gives its architecture's state too."""
    super().__init__()
    self._read_arch = read_arch
    self._run = run
    self._info = info
    self._steps_per_epoch = steps_per_epoch
    self._every_steps = every_steps
    self._epoch = 0
    self._events = events or Events(run)

  def on_epoch_begin(
    self, epoch: int, logs: Mapping[str, float] | None = None
  ) -> None:
    self._epoch = epoch

  def on_train_batch_end(
    self, batch: int, logs: Mapping[str, float] | None = None
  ) -> None:
    is_last = batch + 1 == self._steps_per_epoch
    if (batch + 1) % self._every_steps == 0 and not is_last:
      step = self._epoch * self._steps_per_epoch + batch + 1
      self._write('train', dict(logs or {}), step)
      # A checkpoint may follow, and then these are not written again.
      self._events.open().flush()

  def on_epoch_end(
    self, epoch: int, logs: Mapping[str, float] | None = None
  ) -> None:
    logs = dict(logs or {})
    step = (epoch + 1) * self._steps_per_epoch
    val = {
      name[len(_VAL_PREFIX) :]: value
      for name, value in logs.items()
      if name.startswith(_VAL_PREFIX)
    }
    train = {
      name: value
      for name, value in logs.items()
      if not name.startswith(_VAL_PREFIX)
    }
    if self._read_arch is not None:
      self._write('architecture', self._architecture(epoch), step)
    if val:
      val.update(self._class_iou())
      val.update(self._baseline())
    self._write('train', train, step)
    self._write('val', val, step)
    self._events.open().flush()

  def on_train_end(self, logs: Mapping[str, float] | None = None) -> None:
    self._events.close()

  def _architecture(self, epoch: int) -> dict[str, float]:
    """Numbers of the architecture after an epoch, counted from 0."""
    state = self._read_arch()
    lines = metrics_log.read(self._run)
    before = [line for line in lines if line['epoch'] <= epoch]
    return {**state.numbers(), **decode_agreement.numbers(state, before)}

  def _baseline(self) -> dict[str, float]:
    """Own accuracy, and what a constant prediction would score."""
    names = self._info.class_names
    numbers = baseline.of_validation(self.model, names)
    shown = {
      'val_accuracy': 'accuracy',
      'constant_miou': 'constant_miou',
      'constant_accuracy': 'constant_accuracy',
    }
    return {tag: numbers[key] for key, tag in shown.items() if key in numbers}

  def _class_iou(self) -> dict[str, float]:
    values = class_iou.from_confusion(self.model.val_metric.total_cm.numpy())
    return {
      f'iou/{name}': value
      for name, value in zip(self._info.class_names, values)
      if not np.isnan(value)
    }

  def _write(self, name: str, values: Mapping[str, float], step: int) -> None:
    with self._events.open().as_default():
      for tag, value in values.items():
        if np.isfinite(value):
          tf.summary.scalar(f'{name}/{tag}', value, step)
