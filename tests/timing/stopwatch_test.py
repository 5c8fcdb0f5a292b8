"""Time stamps between operations of one graph."""

import time

import numpy as np
import pytest
import tensorflow as tf

from deeplab_nas.space.operations import Operation
from deeplab_nas.timing import layers, stopwatch

POOL = Operation('max_pool', 3, 1, 1, 4, 4, 9, 9)
ADD = Operation('add', 1, 1, 1, 4, 4, 9, 9)
CONV = Operation('relu_conv_bn', 1, 1, 1, 2, 4, 9, 9)


def test_every_operation_gets_a_time():
  found = stopwatch.measure([POOL, CONV], repeats=3)
  assert list(found) == [POOL, CONV]
  assert all(0 < ms < 1e4 for ms in found.values())


def test_a_time_is_between_its_stamps_and_of_nobody_else():
  naps = {POOL: 0.05, CONV: 0.1, ADD: 0.0}

  def asleep(seconds):
    def nap(x):
      time.sleep(seconds)
      return x

    def function(x, size):
      return tf.ensure_shape(tf.numpy_function(nap, [x], tf.float32), x.shape)

    return function

  computed = {
    op: layers.Computed(asleep(seconds)) for op, seconds in naps.items()
  }
  stamps = stopwatch.graph(computed)
  with stopwatch.all_dependencies():
    stamps()
    runs = [np.diff(stamps()) for _ in range(3)]
  seconds = np.min(runs, axis=0)
  assert len(seconds) == 2 + 3  # two sizes of inputs, then the operations
  *empty, pool, conv, add = seconds
  assert pool >= 0.05 and conv >= 0.1
  assert max(*empty, add) < 0.05


def test_what_is_not_of_the_operation_is_taken_off_by_hand():
  computed = {
    POOL: layers.Computed(None, times=2, extra=ADD),
    CONV: layers.Computed(None),
    ADD: layers.Computed(None),
  }
  # Inputs of 2 and of 4 channels alone, then the operations.
  medians = np.array([0.25, 0.5, 4.5, 1.25, 1.5])
  found = stopwatch.split(computed, medians)
  assert found == {POOL: (4.5 - 0.5 - 1.0) / 2, CONV: 1.0, ADD: 1.0}
  medians[-1] = 0.25  # less than its input alone, by chance
  assert stopwatch.split(computed, medians)[ADD] == pytest.approx(1e-3)
