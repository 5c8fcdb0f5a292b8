"""The loop of a run, which can stop after any step and go on from there."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Sequence
from typing import NamedTuple

import tensorflow as tf
from absl import logging

from deeplab_nas.run import checkpoints, data_wait, devices, stop_signals

Logs = dict[str, float]


class Requests(NamedTuple):
  """What the workers ask for after a step.

  Attributes:
    save: A checkpoint within the epoch is due or wanted, and may be written.
    stop: A worker got a signal.
  """

  save: bool
  stop: bool


@dataclasses.dataclass(frozen=True)
class TrainingLoop:
  """What Keras' `fit` does, from any step of an epoch on.

  `fit` begins at an epoch, and so would lose what was done of one.

  Attributes:
    model: A compiled model; its metrics belong to its variables.
    saver: Keeps model and position, at the end of an epoch's steps, at its end,
      when it is due, and when the run is asked to stop.
    epochs: Of the whole run.
    steps_per_epoch: Of every epoch.
    val: What `evaluate` takes, or None.
    validated_epochs: Those that are validated, counted from 1; None for all.
  """

  model: tf.keras.Model
  saver: checkpoints.Saver
  epochs: int
  steps_per_epoch: int
  val: tf.data.Dataset | None = None
  validated_epochs: Collection[int] | None = None

  def run(
    self,
    batches: tf.data.Dataset,
    position: checkpoints.Position,
    callbacks: Sequence[tf.keras.callbacks.Callback] = (),
  ) -> None:
    """Runs what is left.

    Args:
      batches: What a training step takes, from the position on.
      position: What is done.
      callbacks: Keras callbacks; their logs say how long the steps waited for
        batches.

    Raises:
      KeyboardInterrupt: After Ctrl-C, when the state is saved.
      Preempted: After SIGTERM, when the state is saved.
    """
    wait = data_wait.DataWait()
    model = self.model
    strategy = model.distribute_strategy
    with strategy.scope():
      batches = wait.watch(batches)
    iterator = iter(devices.distributed(batches, strategy))
    callback_list = tf.keras.callbacks.CallbackList(
      [wait, *callbacks], model=model, add_history=False, add_progbar=False
    )
    model.stop_training = False
    with stop_signals.StopSignals() as stop:
      callback_list.on_train_begin()
      while position.epoch < self.epochs and not model.stop_training:
        callback_list.on_epoch_begin(position.epoch)
        logs = self._steps(position, iterator, callback_list, stop)
        logs.update(self._validated(position.epoch))
        with stop.deferred():
          callback_list.on_epoch_end(position.epoch, logs)
          position = checkpoints.Position(position.epoch + 1)
          self.saver.save(position)
          if self._requests(stop).stop:
            self._stop(position, stop)
      callback_list.on_train_end()

  def _steps(self, position, iterator, callbacks, stop) -> Logs:
    """The steps of an epoch that are left, and the logs of the last one."""
    step_function = self.model.make_train_function()
    epoch, first = position
    logs = dict(self.saver.logs) if first else {}
    if not first:
      self.model.reset_metrics()
    with stop.deferred():
      for step in range(first, self.steps_per_epoch):
        callbacks.on_train_batch_begin(step)
        logs = step_function(iterator)
        callbacks.on_train_batch_end(step, logs)
        done = checkpoints.Position(epoch, step + 1)
        is_last = done.step == self.steps_per_epoch
        requests = self._requests(stop)
        if is_last or requests.save:
          self.saver.save(done, logs)
        if requests.stop:
          self._stop(done, stop)
    if self._requests(stop).stop:
      self._stop(checkpoints.Position(epoch, self.steps_per_epoch), stop)
    return {name: float(value) for name, value in logs.items()}

  def _validated(self, epoch: int) -> Logs:
    """The logs of the epoch's validation, if it has one."""
    chosen = self.validated_epochs
    if self.val is None or (chosen is not None and epoch + 1 not in chosen):
      return {}
    logs = self.model.evaluate(self.val, verbose=0, return_dict=True)
    return {f'val_{name}': value for name, value in logs.items()}

  def _requests(self, stop: stop_signals.StopSignals) -> Requests:
    """Those of all workers, which can save and stop only together."""
    is_due, is_asked, is_held_back = devices.any_of(
      self.model.distribute_strategy,
      [self.saver.is_due, stop.is_asked, self.saver.is_held_back],
    )
    return Requests((is_due or is_asked) and not is_held_back, is_asked)

  def _stop(
    self, position: checkpoints.Position, stop: stop_signals.StopSignals
  ) -> None:
    start = 'the last checkpoint' if self.saver.is_held_back else 'there'
    logging.info(
      'Stopped after %d epochs and %d steps. The same command with --resume'
      ' goes on from %s.',
      *position,
      start,
    )
    stop.end()
