"""How long the steps of a run wait for their batches."""

from __future__ import annotations

import time
from collections.abc import Callable, MutableMapping

import tensorflow as tf
from absl import logging

NAME = 'data_wait_share'
# Less is not worth a word: a share, and seconds in an epoch.
_WARN_SHARE, _WARN_SECONDS = 0.1, 1.0
_LOGGED_SECONDS = 5.0


class DataWait(tf.keras.callbacks.Callback):
  """Adds to the logs of an epoch which share of its steps was waiting.

      wait = DataWait()
      model.fit(wait.watch(batches), callbacks=[wait, *others])

  Keras asks for a batch inside of the compiled step, where no callback sees it;
  so the batches themselves note how long they were asked for. The first batch
  of a run, for which buffers fill, does not count, and is logged if it is slow.
  A GPU may still compute while it waits: there the share is an upper bound.

  Attributes:
    seconds_waited: float64 variable [], of all batches so far.
  """

  def __init__(self, clock: Callable[[], float] = time.monotonic):
    """Measures the steps by a clock that gives seconds."""
    super().__init__()
    self._clock = clock
    with tf.device('CPU:0'):
      self.seconds_waited = tf.Variable(0.0, False, dtype=tf.float64)
    self._is_watching = self._is_first = False
    self._has_warned = False
    self._start = self._end = self._before = 0.0

  def watch(self, batches: tf.data.Dataset) -> tf.data.Dataset:
    """The same batches, which note how long they were waited for.

    Args:
      batches: Of whatever structure; unchanged where a distribution strategy
        would fetch them in the background, and where operations have to be
        deterministic, as no clock is.
    """
    if tf.distribute.has_strategy() or not _has_clock():
      return batches
    self._is_watching = True
    return timed(batches, self.seconds_waited)

  def on_train_begin(self, logs: MutableMapping | None = None) -> None:
    self._is_first = True

  def on_epoch_begin(
    self, epoch: int, logs: MutableMapping | None = None
  ) -> None:
    self._mark()

  def on_train_batch_end(
    self, batch: int, logs: MutableMapping | None = None
  ) -> None:
    self._end = self._clock()
    if self._is_first:
      self._is_first = False
      seconds = float(self.seconds_waited)
      if seconds >= _LOGGED_SECONDS:
        logging.info('The first batch was ready after %.0f s.', seconds)
      self._mark()

  def on_epoch_end(
    self, epoch: int, logs: MutableMapping | None = None
  ) -> None:
    seconds = self._end - self._start
    if logs is None or not self._is_watching or seconds <= 0:
      return
    waited = float(self.seconds_waited) - self._before
    # The two clocks differ: one may be set while the other runs.
    logs[NAME] = min(max(waited / seconds, 0.0), 1.0)
    if logs[NAME] > _WARN_SHARE and waited > _WARN_SECONDS:
      self._warn(logs[NAME])

  def _warn(self, share: float) -> None:
    if self._has_warned:
      return
    self._has_warned = True
    logging.warning(
      'The steps of this epoch waited for data %.0f %% of their time: keep the'
      ' decoded images in memory (data.cache=true), resize them first'
      ' (data.image_scale), or take a machine with more cores or a faster'
      ' disk.',
      100 * share,
    )

  def _mark(self) -> None:
    """Counts from here."""
    self._start = self._end = self._clock()
    self._before = float(self.seconds_waited)


def _has_clock() -> bool:
  """Whether TensorFlow tells the time: not if it is to be deterministic."""
  try:
    tf.timestamp()
  except tf.errors.FailedPreconditionError:
    return False
  return True


def timed(batches: tf.data.Dataset, waited: tf.Variable) -> tf.data.Dataset:
  """Adds to a variable the seconds that every batch was waited for.

  The two times are taken in the thread that asks for the batch, before and
  after its turn: `zip` asks its parts one after the other.

  Args:
    batches: Of whatever structure.
    waited: float64 [].
  """
  starts = (
    tf.data.Dataset.from_tensors(0).repeat().map(lambda _: tf.timestamp())
  )

  def note(start, batch):
    added = waited.assign_add(tf.timestamp() - start)
    with tf.control_dependencies([added]):
      return tf.nest.map_structure(tf.identity, batch)

  options = tf.data.Options()
  # Nothing may ask for a batch ahead of the step.
  options.experimental_optimization.inject_prefetch = False
  zipped = tf.data.Dataset.zip((starts, batches)).map(note)
  return zipped.with_options(options)
