"""Times of steps."""

import dataclasses
import time
from typing import Any

import pytest

from deeplab_nas.report import measure
from deeplab_nas.run import precompile
from deeplab_nas.train import recalibration
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


def test_the_time_of_statistics_is_that_of_all_their_batches():
  model = tiny_training.trainer()
  assert measure.recalibration(model) == 0.0
  batches, seen = tiny_training.batches().take(3), []

  def slowly():
    seen.append(1)
    for batch in batches:
      time.sleep(0.02)
      yield batch

  model.recalibration = recalibration.Recalibration(model.network, slowly)
  assert 0.06 <= measure.recalibration(model) < 5
  assert len(seen) == 2  # first it compiles


@dataclasses.dataclass
class SmallRun:
  """A training of which the parts note what is done with them."""

  model: Any
  val: Any
  steps_per_epoch: int = 7
  calls: list = dataclasses.field(default_factory=list)

  def train(self):
    self.calls.append('train')
    return tiny_training.batches().repeat()

  def compile(self, batches):
    self.calls.append('compile')
    precompile.once(self.model, batches)


def test_an_estimate_counts_what_was_measured():
  run = SmallRun(tiny_training.trainer(), tiny_training.batches().take(2))
  started = measure.start(lambda: run)
  assert run.calls == ['train', 'compile'] and started.run is run
  assert int(run.model.optimizer.iterations) == 0  # compiled without a trace
  started.step()
  assert int(run.model.optimizer.iterations) == 1
  estimate = started.estimate(0.5, epochs=3)
  assert estimate.startup_seconds == started.seconds > 0
  assert estimate.num_val_images == 4
  assert estimate.total_seconds == pytest.approx(
    started.seconds + 7 * 3 * 0.5 + 4 * 3 * estimate.val_image_seconds
  )
