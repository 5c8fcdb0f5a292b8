"""Times of steps."""

import time

from deeplab_nas.report import measure
from tests.train import tiny_training


def test_the_median_forgives_one_slow_step():
  waits = iter([0.3, 0.01, 0.01])
  seconds = measure.median_seconds(lambda: time.sleep(next(waits)) or 0.0)
  assert 0.01 <= seconds < 0.2


def test_validation_is_measured_for_each_image():
  model = tiny_training.trainer()
  val = tiny_training.batches().take(3)
  seconds, num_images = measure.validation(model, val)
  assert num_images == 6
  assert 0 < seconds < 1


def test_no_validation_takes_no_time():
  assert measure.validation(tiny_training.trainer(), None) == (0.0, 0)
