"""The factor from sums to whole networks."""

import dataclasses

import pytest

from deeplab_nas.space import latency
from deeplab_nas.timing import calibration, check
from tests.timing.small import GENOTYPE, MODEL, compared


def test_the_factor_is_the_median_ratio_by_hand():
  pairs = [(10, 11), (10, 20), (10, 90)]
  found = [compared(*pair) for pair in pairs]
  assert calibration.fit(found) == pytest.approx(2)
  assert calibration.fit(found[:2]) == pytest.approx((1.1 * 2) ** 0.5)


def test_a_table_is_calibrated_by_the_clock():
  """Whatever its factor was: ten times the milliseconds, a tenth of it."""
  ops = latency.required_operations([MODEL.layers], [GENOTYPE])
  sums = 1e6 * sum(map(len, MODEL.layers.of(GENOTYPE).values()))
  table = latency.LatencyTable(
    'A', MODEL.image_size, dict.fromkeys(ops, 1e6), factor=7.0
  )
  found = calibration.calibrate(table, MODEL, 1, (2, 2), [GENOTYPE])
  assert dataclasses.replace(found, factor=7.0).to_json() == table.to_json()
  assert 1e-3 < found.factor * sums < 1e4  # milliseconds that pass


def test_what_is_left_at_the_level_of_other_networks_by_hand():
  found = [compared(10, 21), compared(10, 16), compared(10, 25)]
  others = [compared(10, 20), compared(5, 10)]
  assert calibration.describe_level(found, others) == (
    '2 other networks take 2.000 times what the table says now; with that,'
    ' median error 20.0 %'
  )


def test_networks_of_the_check_are_others():
  def of(seed):
    drawn = check.draw(MODEL, 8, (2, 3.5), seed)
    return {(model.space.filter_multiplier, x) for model, x in drawn}

  of_fit = of(calibration.SEED)
  assert all(len(of_fit & of(seed)) <= 1 for seed in range(20))
