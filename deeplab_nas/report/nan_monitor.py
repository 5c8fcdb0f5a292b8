"""Says which step had a loss or a gradient that is not finite, and why."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import tensorflow as tf
from absl import logging

from deeplab_nas import errors
from deeplab_nas.run import step_guard

_TOLD_STEPS = 5


class NaNMonitor(tf.keras.callbacks.Callback):
  """Ends a run at its first bad step, or warns of the steps that are skipped.

  A bad step changes nothing, see `step_guard.StepGuard`; this says so before
  others write it down.
  """

  def __init__(
    self,
    section: str,
    steps_per_epoch: int,
    names_of: Callable[[int], Sequence[str]],
    skips: bool = False,
  ):
    """Prepares the sentences.

    Args:
      section: Of the settings that the advice is about.
      steps_per_epoch: Steps in an epoch.
      names_of: Names of the images of a step, counted from 0.
      skips: Whether bad steps are skipped, and do not end the run.
    """
    super().__init__()
    self._section = section
    self._steps_per_epoch = steps_per_epoch
    self._names_of = names_of
    self._skips = skips
    self._epoch = self._num_bad = 0

  def on_train_begin(self, logs: Mapping[str, float] | None = None) -> None:
    self._num_bad = int(self.model.guard.num_bad.numpy())

  def on_epoch_begin(
    self, epoch: int, logs: Mapping[str, float] | None = None
  ) -> None:
    self._epoch = epoch

  def on_train_batch_end(
    self, batch: int, logs: Mapping[str, float] | None = None
  ) -> None:
    logs = logs or {}
    num_bad = int(logs.get(step_guard.NAME, 0))
    if num_bad <= self._num_bad:
      return
    self._num_bad = num_bad
    if self._skips and num_bad > _TOLD_STEPS:
      return
    names = self._names_of(self._epoch * self._steps_per_epoch + batch)
    sentence = (
      f'The loss or a gradient of epoch {self._epoch + 1}, step {batch + 1} is'
      f' not finite, at learning rate {float(logs["learning_rate"]):.3g}, with'
      f' the images {", ".join(names)}'
    )
    if not self._skips:
      raise errors.UserError(
        f'{sentence}. If these are in order, start again with a lower'
        f' {self._section}.learning_rate or with {self._section}.gradient_clip;'
        ' --resume with --set=runtime.nan_policy=skip leaves such steps out.'
      )
    logging.warning('%s: skipped, as were %d before.', sentence, num_bad - 1)
