"""Words for numbers, as people read them."""

import pytest

from deeplab_nas.report import text as report_text
from deeplab_nas.space import cost


@pytest.mark.parametrize(
  'seconds, text',
  [
    (-1, '0 s'),
    (0.4, '0 s'),
    (59.4, '59 s'),
    (59.6, '1 min 00 s'),
    (200, '3 min 20 s'),
    (3600, '1 h 00 min'),
    (7500, '2 h 05 min'),
    (86399, '23 h 59 min'),
    (273600, '3 d 04 h'),
  ],
)
def test_two_units_are_enough(seconds, text):
  assert report_text.duration(seconds) == text


@pytest.mark.parametrize(
  'value, text',
  [
    (0, '0'),
    (999, '999'),
    (999_999, '1 M'),
    (1234567, '1.23 M'),
    (320.45e9, '320 B'),
    (1e18, '1e+06 T'),
  ],
)
def test_large_numbers_have_three_digits_and_a_letter(value, text):
  assert report_text.count(value) == text


def test_costs_are_one_line():
  value = cost.Cost(params=2_100_000, macs=3_000_000_000)
  assert report_text.costs(value, 8, (320, 480)) == (
    '2.1 M parameters, 3 B multiply-adds at F = 8, 320 x 480 pixels'
  )
