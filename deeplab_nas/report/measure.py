"""Seconds of steps, for an `Estimate`."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import numpy as np
import tensorflow as tf

_TIMED_STEPS = 3


def median_seconds(step: Callable[[], object]) -> float:
  """Seconds of a step that was compiled before."""
  times = []
  for _ in range(_TIMED_STEPS):
    start = time.monotonic()
    tf.nest.map_structure(np.asarray, step())  # waits for the result
    times.append(time.monotonic() - start)
  return statistics.median(times)


def validation(
  model: tf.keras.Model, val: tf.data.Dataset | None
) -> tuple[float, int]:
  """Seconds per image, and the number of images; zeros without validation.

  Args:
    model: Its `test_step` is timed.
    val: Batches of images and labels.
  """
  if val is None:
    return 0.0, 0
  images, _ = batch = next(iter(val))
  step = tf.function(model.test_step)
  step(batch)  # compiles
  seconds = median_seconds(lambda: step(batch))
  num_images = sum(int(labels.shape[0]) for _, labels in val)
  return seconds / int(images.shape[0]), num_images
