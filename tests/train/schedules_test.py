"""The learning rate, by DeepLab's formula."""

import numpy as np
import pytest

from deeplab_nas import errors
from deeplab_nas.config import config as config_lib
from deeplab_nas.train import schedules


def rates(total, **settings):
  schedule = schedules.build(config_lib.TrainConfig(**settings), total)
  return [float(schedule(np.int64(step))) for step in range(total + 1)]


def test_without_slow_start_it_is_the_polynomial():
  np.testing.assert_allclose(
    rates(10, learning_rate=0.5),
    [0.5 * (1 - step / 10) ** 0.9 for step in range(11)],
    rtol=1e-5,
    atol=1e-8,
  )


def test_a_slow_start_is_flat_and_takes_its_steps_off_the_polynomial():
  actual = rates(
    10,
    learning_rate=0.5,
    slow_start_steps=4,
    slow_start_learning_rate=0.01,
    end_learning_rate=0.1,
    power=2.0,
  )
  np.testing.assert_allclose(actual[:4], 0.01)
  np.testing.assert_allclose(
    actual[4:],
    [0.1 + 0.4 * (1 - step / 6) ** 2 for step in range(7)],
    rtol=1e-5,
  )


def test_a_slow_start_as_long_as_the_training_is_refused():
  with pytest.raises(errors.UserError, match='slow_start_steps is 10'):
    rates(10, slow_start_steps=10)


def test_its_config_has_its_arguments():
  schedule = schedules.build(config_lib.TrainConfig(slow_start_steps=3), 10)
  copy = schedules.SlowStart(**schedule.get_config())
  assert [float(copy(step)) for step in (2, 3)] == (pytest.approx([1e-4, 0.05]))
