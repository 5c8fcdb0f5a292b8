"""Seconds of steps, for an `Estimate`."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import NamedTuple, Protocol

import numpy as np
import tensorflow as tf

from deeplab_nas.report import dry_run

_TIMED_STEPS = 3


class Run(Protocol):
  """The parts of a run, ready to go.

  Attributes:
    model: The compiled model.
    steps_per_epoch: Of every epoch.
    val: Validation batches, or None.
  """

  model: tf.keras.Model
  steps_per_epoch: int
  val: tf.data.Dataset | None

  def train(self) -> tf.data.Dataset:
    """Endless training batches."""

  def compile(self, batches: tf.data.Dataset) -> None:
    """Compiles all kinds of steps, and leaves no trace."""


class Started(NamedTuple):
  """A run of which every kind of step has run once.

  Attributes:
    run: Its parts.
    step: Runs one more training step.
    seconds: From nothing until then.
  """

  run: Run
  step: Callable[[], object]
  seconds: float

  def estimate(self, weight_step_seconds: float, **own) -> dry_run.Estimate:
    """What the whole run takes.

    Args:
      weight_step_seconds: Of one further step of the weights.
      **own: The fields of `Estimate` that runs do not have in common.
    """
    val_seconds, num_val_images = validation(self.run.model, self.run.val)
    return dry_run.Estimate(
      startup_seconds=self.seconds,
      weight_step_seconds=weight_step_seconds,
      val_image_seconds=val_seconds,
      peak_bytes=dry_run.peak_bytes(),
      steps_per_epoch=self.run.steps_per_epoch,
      num_val_images=num_val_images,
      recalibration_seconds=recalibration(self.run.model),
      **own,
    )


def start(
  build: Callable[[], Run], clock: Callable[[], float] = time.monotonic
) -> Started:
  """Builds a run, and compiles its steps at full size.

  Args:
    build: Gives the parts of a run.
    clock: Tells the seconds.
  """
  begin = clock()
  run = build()
  train = run.train()
  run.compile(train)
  seconds = clock() - begin
  step, batches = run.model.make_train_function(), iter(train)
  return Started(run, lambda: step(batches), seconds)


def median_seconds(
  step: Callable[[], object], clock: Callable[[], float] = time.monotonic
) -> float:
  """Seconds, by a clock, of a step that was compiled before."""
  times = []
  for _ in range(_TIMED_STEPS):
    start = clock()
    tf.nest.map_structure(np.asarray, step())  # waits for the result
    times.append(clock() - start)
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


def recalibration(model: tf.keras.Model) -> float:
  """Seconds to take a model's batch-norm statistics anew; 0 if none are."""
  if getattr(model, 'recalibration', None) is None:
    return 0.0
  model.recalibrate()  # compiles
  start = time.monotonic()
  model.recalibrate()
  return time.monotonic() - start
