"""How far a run is: a bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import math
import shutil
import sys
import time
from collections.abc import Callable, Mapping
from typing import TextIO

import numpy as np
import tensorflow as tf
import tqdm
from absl import logging

from deeplab_nas.report import baseline, text
from deeplab_nas.run import data_wait

_LOG_NAMES = {'loss': 'loss', 'miou': 'mIoU', 'learning_rate': 'lr'}
_END_NAMES = {
  **_LOG_NAMES,
  'arch_loss': 'loss of split B',
  'val_loss': 'val loss',
  'val_miou': 'val mIoU',
}


class ProgressBar(tf.keras.callbacks.Callback):
  """Shows loss, mIoU, learning rate, images/s and the time that is left.

  The time left counts all epochs, and knows that those with architecture steps
  take longer than those without.
  """

  def __init__(
    self,
    steps_per_epoch: int,
    epochs: int,
    batch_size: int,
    arch_start_epoch: int = 0,
    stream: TextIO | None = None,
    line_seconds: float = 10.0,
    clock: Callable[[], float] = time.monotonic,
  ):
    """Prepares a bar.

    Args:
      steps_per_epoch: Weight steps in an epoch.
      epochs: Epochs of the whole run.
      batch_size: Images in a weight step.
      arch_start_epoch: Epochs without architecture steps.
      stream: Where the bar goes; standard error if None. Lines are drawn
        instead if it is no terminal.
      line_seconds: The least time between two lines of an epoch.
      clock: Gives seconds.
    """
    super().__init__()
    self._steps_per_epoch = steps_per_epoch
    self._epochs = epochs
    self._batch_size = batch_size
    self._arch_start_epoch = arch_start_epoch
    self._stream = stream or sys.stderr
    self._line_seconds = line_seconds
    self._clock = clock
    self._bar = None
    # By whether the epoch has architecture steps: seconds per step, per epoch
    # beside its steps.
    self._step_seconds = {}
    self._rest_seconds = 0.0
    self._epoch = 0
    # A resumed run may begin within an epoch.
    self._first_step = self._steps_done = 0
    self._epoch_start = self._last_line = clock()

  def on_epoch_begin(
    self, epoch: int, logs: Mapping[str, float] | None = None
  ) -> None:
    self._epoch, self._first_step, self._steps_done = epoch, 0, 0
    self._epoch_start = self._last_line = self._clock()
    if self._stream.isatty():
      self._bar = tqdm.tqdm(
        total=self._steps_per_epoch,
        desc=self._title,
        file=self._stream,
        bar_format='{desc} {percentage:3.0f}%|{bar}| {n}/{total}{postfix}',
        ncols=shutil.get_terminal_size().columns,  # 80 where it says 0
        leave=False,
      )

  def on_train_batch_end(
    self, batch: int, logs: Mapping[str, float] | None = None
  ) -> None:
    now = self._clock()
    if self._steps_done == 0:
      self._first_step = batch
    self._steps_done = batch + 1
    seconds = max(now - self._epoch_start, 1e-9)
    self._step_seconds[self._has_arch_steps(self._epoch)] = seconds / (
      self._steps_done - self._first_step
    )
    if self._bar is not None:
      self._bar.set_postfix_str(self._status(logs or {}), refresh=False)
      self._bar.update(self._steps_done - self._bar.n)
      if self._steps_done == self._steps_per_epoch:
        self._close()  # log lines of other callbacks would run into it
    elif now - self._last_line >= self._line_seconds:
      self._last_line = now
      logging.info(
        '%s, step %d/%d: %s',
        self._title,
        self._steps_done,
        self._steps_per_epoch,
        self._status(logs or {}),
      )

  def on_epoch_end(
    self, epoch: int, logs: Mapping[str, float] | None = None
  ) -> None:
    seconds = self._clock() - self._epoch_start
    num_steps = self._steps_done - self._first_step
    steps_seconds = num_steps * self._seconds_per_step(epoch)
    self._rest_seconds = max(0.0, seconds - steps_seconds)
    self._close()
    left = self.seconds_left
    logging.info(
      '%s done in %s: %s%s%s%s.',
      self._title,
      text.duration(seconds),
      _shown(logs or {}, _END_NAMES),
      self._compared(logs or {}),
      _waiting(logs or {}),
      f', {text.duration(left)} left' if left else '',
    )

  def _compared(self, logs: Mapping[str, float]) -> str:
    """', constant prediction 0.25' after a validation."""
    if 'val_miou' not in logs or not hasattr(self.model, 'val_metric'):
      return ''
    confusion = np.asarray(self.model.val_metric.total_cm)
    numbers = baseline.of_validation(self.model, range(len(confusion)))
    if not numbers:
      return ''
    return f' (a constant prediction: {numbers["constant_miou"]:.4g})'

  def on_train_end(self, logs: Mapping[str, float] | None = None) -> None:
    self._close()

  def _close(self) -> None:
    if self._bar is not None:
      self._bar.close()
      self._bar = None

  @property
  def seconds_left(self) -> float:
    """Estimate for the rest of the run."""
    steps_left = self._steps_per_epoch - self._steps_done
    later = range(self._epoch + 1, self._epochs)
    is_open = steps_left > 0
    return (
      steps_left * self._seconds_per_step(self._epoch)
      + sum(
        self._steps_per_epoch * self._seconds_per_step(epoch) for epoch in later
      )
      + (len(later) + is_open) * self._rest_seconds
    )

  @property
  def _title(self) -> str:
    return f'Epoch {self._epoch + 1}/{self._epochs}'

  def _has_arch_steps(self, epoch: int) -> bool:
    return epoch >= self._arch_start_epoch

  def _seconds_per_step(self, epoch: int) -> float:
    """As measured; until then, a step of both kinds is taken as two of one."""
    both = self._has_arch_steps(epoch)
    if both in self._step_seconds:
      return self._step_seconds[both]
    other = self._step_seconds.get(not both, 0.0)
    return 2 * other if both else other / 2

  def _status(self, logs: Mapping[str, float]) -> str:
    rate = self._batch_size / self._seconds_per_step(self._epoch)
    return (
      f'{_shown(logs, _LOG_NAMES)}, {rate:.1f} images/s,'
      f' {text.duration(self.seconds_left)} left'
    )


def _shown(logs: Mapping[str, float], names: Mapping[str, str]) -> str:
  """'loss 1.234, mIoU 0.321, lr 0.025'."""
  return ', '.join(
    f'{shown} {float(logs[name]):.4g}'
    for name, shown in names.items()
    if name in logs and not math.isnan(float(logs[name]))
  )


def _waiting(logs: Mapping[str, float]) -> str:
  """', 1.2 % of the steps waiting for data', where it was measured."""
  if data_wait.NAME not in logs:
    return ''
  return f', {100 * logs[data_wait.NAME]:.1f} % of the steps waiting for data'
