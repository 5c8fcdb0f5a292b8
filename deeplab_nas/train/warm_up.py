"""Compiles a training step before the run, without a trace in the model."""

from __future__ import annotations

import tensorflow as tf


def once(model: tf.keras.Model, batches: tf.data.Dataset) -> None:
  """Runs one training step, then undoes what it did to any variable.

  Args:
    model: A compiled model.
    batches: What `fit` will be given; one element is read.
  """
  saved = [
    (item, item.numpy())
    for item in tf.train.TrackableView(model).descendants()
    if isinstance(item, tf.Variable)
  ]
  model.make_train_function()(iter(batches))
  for variable, value in saved:
    variable.assign(value)
