"""Alternation, and what is made of the times."""

from __future__ import annotations

import pytest

from benchmarks import case, child, comparison
from deeplab_nas import errors
from tests.benchmarks import tiny_cases


def writing(path, *letters):
  return [
    case.Case(letter, tiny_cases.writes, {'path': str(path), 'letter': letter})
    for letter in letters
  ]


def result(*seconds):
  return comparison.Result(
    case.Case('a', tiny_cases.refuses),
    tuple(child.StepTime(value, 2 * value) for value in seconds),
    1.0,
    1,
    {},
    {},
  )


def test_steps_alternate_after_each_has_started(tmp_path):
  path = tmp_path / 'steps'
  results = comparison.compare(writing(path, 'A', 'B'), num_runs=2)
  # Each starts, one step of each to warm up, two that are timed.
  assert path.read_text()[:8] == 'AB' + 'AB' + 'ABAB'
  assert [r.case.name for r in results] == ['A', 'B']
  assert [len(r.seconds) for r in results] == [2, 2]
  assert all(0 <= r.other_load <= 1 for r in results)
  assert results[0].ratio == 1
  first, second = (r.seconds for r in results)
  low, high = sorted(b / a for a, b in zip(first, second))
  assert low <= results[1].ratio <= high


def test_a_single_case_has_no_ratio(tmp_path):
  (only,) = comparison.compare(writing(tmp_path / 'steps', 'A'), num_runs=1)
  assert only.ratio is None


def test_a_case_that_cannot_start_ends_the_others(tmp_path):
  path = tmp_path / 'steps'
  cases = [*writing(path, 'A'), case.Case('B', tiny_cases.refuses)]
  with pytest.raises(errors.UserError, match='Case B cannot run'):
    comparison.compare(cases)
  assert path.read_text() == 'Aa'


def test_equal_names_are_refused(tmp_path):
  with pytest.raises(errors.UserError, match='different names'):
    comparison.compare(writing(tmp_path / 'steps', 'A', 'A'))


def test_the_middle_half_is_what_an_outlier_does_not_move():
  assert result(1.0, 2.0, 3.0, 4.0, 50.0).median_seconds == 3
  assert result(1.0, 2.0, 3.0, 4.0, 50.0).median_cpu_seconds == 6
  assert result(1.0, 2.0, 3.0, 4.0, 50.0).quartile_range_seconds == 2
  assert result(1.0).quartile_range_seconds == 0
