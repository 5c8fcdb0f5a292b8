"""`fit`, with a word to those who stop it."""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf
from absl import logging

from deeplab_nas.train import data_wait


def fit(
  model: tf.keras.Model,
  batches: tf.data.Dataset,
  callbacks: Sequence[tf.keras.callbacks.Callback] = (),
  **settings,
) -> None:
  """Keras' `fit`, silent; other watchers show the progress.

  Args:
    model: A compiled model.
    batches: What its training step takes.
    callbacks: Their logs tell how long the steps waited for batches.
    **settings: More arguments of Keras.
  """
  wait = data_wait.DataWait()
  try:
    model.fit(
      wait.watch(batches),
      callbacks=[wait, *callbacks],
      verbose=0,
      **settings,
    )
  except KeyboardInterrupt:
    logging.info(
      'Stopped. The same command with --resume goes on after the last epoch '
      'that was finished.'
    )
    raise
