"""`fit`, with a word to those who stop it."""

from __future__ import annotations

import tensorflow as tf
from absl import logging


def fit(model: tf.keras.Model, batches: tf.data.Dataset, **settings) -> None:
  """Keras' `fit`, silent; other watchers show the progress."""
  try:
    model.fit(batches, verbose=0, **settings)
  except KeyboardInterrupt:
    logging.info(
      'Stopped. The same command with --resume goes on after the last epoch '
      'that was finished.'
    )
    raise
