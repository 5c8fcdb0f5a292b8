"""Ends a run whose loss is no number any more."""

from __future__ import annotations

import math
from collections.abc import Mapping

import tensorflow as tf

from deeplab_nas import errors


class Divergence(tf.keras.callbacks.Callback):
  """Refuses an epoch of infinite or NaN loss, before others write it down."""

  def __init__(self, section: str):
    """Takes the section of the settings that the advice is about."""
    super().__init__()
    self._section = section

  def on_epoch_end(
    self, epoch: int, logs: Mapping[str, float] | None = None
  ) -> None:
    logs = logs or {}
    loss = float(logs.get('loss', 0))
    if math.isfinite(loss):
      return
    rate = ''
    if 'learning_rate' in logs:
      rate = f' at learning rate {float(logs["learning_rate"]):.3g}'
    raise errors.UserError(
      f'The training diverged: the loss of epoch {epoch + 1} is {loss}{rate}.'
      f' Start again with a lower {self._section}.learning_rate, or set'
      f' {self._section}.gradient_clip; earlier epochs are kept.'
    )
