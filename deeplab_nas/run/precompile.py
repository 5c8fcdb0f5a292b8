"""Compiles a training step before the run, without a trace in the model."""

from __future__ import annotations

import tensorflow as tf

from deeplab_nas.run import devices


def once(
  model: tf.keras.Model, batches: tf.data.Dataset, *others: tf.Module
) -> None:
  """Runs one training step, then undoes what it did to any variable.

  Args:
    model: A compiled model.
    batches: What `fit` will be given. Where its shapes are known, a blank batch
      takes its place: a cached pipeline decodes many images before its first.
    *others: What a step changes besides the model.
  """
  saved = [
    (item, item.numpy())
    for owner in (model, *others)
    for item in tf.train.TrackableView(owner).descendants()
    if isinstance(item, tf.Variable)
  ]
  batches = devices.distributed(_blank(batches), model.distribute_strategy)
  model.make_train_function()(iter(batches))
  for variable, value in saved:
    variable.assign(value)


def _blank(batches: tf.data.Dataset) -> tf.data.Dataset:
  """A batch of zeros, or the batches themselves if a shape is not known."""
  spec = batches.element_spec
  if not all(part.shape.is_fully_defined() for part in tf.nest.flatten(spec)):
    return batches
  zeros = tf.nest.map_structure(
    lambda part: tf.zeros(part.shape, part.dtype), spec
  )
  return tf.data.Dataset.from_tensors(zeros)
