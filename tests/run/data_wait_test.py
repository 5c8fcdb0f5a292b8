"""The share of waiting, of real steps and by a fake clock."""

import logging
import time

import numpy as np
import pytest
import tensorflow as tf

from deeplab_nas.run import data_wait, precompile
from tests.train import tiny_training


class Counting(tf.keras.Model):
  """Adds up what it is given; each step takes some time."""

  def __init__(self, step_seconds=0.0):
    super().__init__()
    self.total = tf.Variable(0, dtype=tf.int64)
    self._step_seconds = step_seconds
    self.compile()

  def train_step(self, batch):
    def work(value):
      time.sleep(self._step_seconds)
      return value

    value = tf.py_function(work, [batch], tf.int64)
    self.total.assign_add(value)
    return {'loss': value}


def slow(batches, seconds):
  """Batches that take a while to make, and are not made in advance."""

  def make(value):
    time.sleep(seconds)
    return value

  return batches.map(lambda x: tf.numpy_function(make, [x], tf.int64)).map(
    lambda x: tf.ensure_shape(x, [])
  )


def fit(model, batches, epochs=2, steps=4):
  wait = data_wait.DataWait()
  history = model.fit(
    wait.watch(batches.repeat()),
    epochs=epochs,
    steps_per_epoch=steps,
    callbacks=[wait],
    verbose=0,
  )
  return history.history[data_wait.NAME]


def test_batches_stay_what_they_were():
  batches = tf.data.Dataset.zip(
    (tiny_training.batches(), tiny_training.batches(2))
  )
  watched = data_wait.DataWait().watch(batches)
  assert watched.element_spec == batches.element_spec
  for old, new in zip(batches.take(6), watched):
    tf.nest.map_structure(np.testing.assert_array_equal, old, new)


def test_steps_that_wait_are_distinguished_from_steps_that_work():
  numbers = tf.data.Dataset.range(3)
  waiting = fit(Counting(), slow(numbers, 0.04))
  working = fit(Counting(0.04), numbers)
  assert len(waiting) == len(working) == 2
  assert min(waiting) > max(working) >= 0


def test_no_batch_is_asked_for_ahead_of_its_step():
  waited = tf.Variable(0.0, dtype=tf.float64)
  iterator = iter(data_wait.timed(tf.data.Dataset.range(9), waited))
  next(iterator)
  before = float(waited)
  time.sleep(0.05)
  assert float(waited) == before > 0


def test_what_was_compiled_for_the_batches_serves_the_watched_ones():
  model = tiny_training.trainer()
  precompile.once(model, tiny_training.batches())
  compiled = model.train_function
  model.fit(
    data_wait.DataWait().watch(tiny_training.batches()),
    steps_per_epoch=2,
    verbose=0,
  )
  assert model.train_function is compiled
  assert compiled.experimental_get_tracing_count() == 1


class Run:
  """A run by a fake clock, whose steps take ten seconds."""

  def __init__(self):
    self._now = 0.0
    self._wait = data_wait.DataWait(lambda: self._now)
    self._wait.watch(tf.data.Dataset.range(1))
    self._wait.on_train_begin()

  def epoch(self, epoch, *waits, step_seconds=10.0):
    self._wait.on_epoch_begin(epoch)
    for step, seconds in enumerate(waits):
      self._now += step_seconds
      self._wait.seconds_waited.assign_add(seconds)
      self._wait.on_train_batch_end(step)
    self._now += 100.0  # validation
    logs = {}
    self._wait.on_epoch_end(epoch, logs)
    return logs.get(data_wait.NAME)


def test_the_share_is_that_of_the_steps_alone():
  run = Run()
  run.epoch(0, 0, 0)
  assert run.epoch(1, 1, 2, 3, 0) == pytest.approx(6 / 40)


def test_the_first_batch_of_a_run_does_not_count(caplog):
  caplog.set_level(logging.INFO, logger='absl')
  run = Run()
  assert run.epoch(0, 8, 0, 0) == 0
  assert caplog.messages == ['The first batch was ready after 8 s.']
  assert run.epoch(1, 8, 0) == pytest.approx(0.4)


def test_a_single_step_has_no_share_at_first():
  run = Run()
  assert run.epoch(0, 1) is None
  assert run.epoch(1, 1) == pytest.approx(0.1)


def test_a_clock_that_was_set_does_no_harm():
  run = Run()
  run.epoch(0, 0, 0)
  assert run.epoch(1, -3600) == 0
  assert run.epoch(2, 3600) == 1


def test_much_waiting_is_warned_of_once(caplog):
  run = Run()
  run.epoch(0, 0, 0.5)
  run.epoch(1, 0.4, 0.4, step_seconds=1.0)  # a share, but no second
  assert not caplog.text
  run.epoch(1, 2, 3)
  run.epoch(2, 2, 3)
  assert caplog.text.count('waited for data 25 % of their time') == 1
  assert 'data.cache' in caplog.text


def test_unwatched_batches_have_no_share():
  with tf.distribute.OneDeviceStrategy('CPU:0').scope():
    wait = data_wait.DataWait()
    batches = tf.data.Dataset.range(1)
    assert wait.watch(batches) is batches
  logs = {}
  wait.on_epoch_begin(0)
  wait.on_epoch_end(0, logs)
  assert logs == {}
