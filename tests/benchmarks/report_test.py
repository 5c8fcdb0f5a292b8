"""Results for programs and for people."""

from __future__ import annotations

import json

from benchmarks import case, child, comparison, report
from tests.benchmarks import tiny_cases

RESULT = comparison.Result(
  case.Case('a', tiny_cases.takes_memory, {'num_bytes': 8}),
  times=(
    child.StepTime(2.0, 4.0),
    child.StepTime(1.0, 1.0),
    child.StepTime(3.00000004, 5.0),
  ),
  first_step_seconds=9.0,
  peak_bytes=3 * 2**29,
  facts={'images': 4, 'flops': 10**10},
  threads={'inter_op': 2},
  other_load=0.25,
  ratio=1.5,
)


def test_a_line_has_everything_and_derives_speeds():
  values = report.record(RESULT, {'cores': 2}, matrix_peak=5e10)
  assert json.loads(report.line(values)) == {
    'case': 'a',
    'settings': {'num_bytes': 8},
    'median_seconds': 2.0,
    'min_seconds': 1.0,
    'max_seconds': 3.0,
    'quartile_range_seconds': 1.0,
    'median_cpu_seconds': 4.0,
    'other_load': 0.25,
    'runs': 3,
    'ratio': 1.5,
    'images_per_second': 2.0,
    'gflop': 10.0,
    'gflops_per_second': 5.0,
    'percent_of_matrix_peak': 10.0,
    'matrix_peak_gflops_per_second': 50.0,
    'first_step_seconds': 9.0,
    'peak_bytes': 3 * 2**29,
    'peak_gib': 1.5,
    'facts': {'images': 4, 'flops': 10**10},
    'threads': {'inter_op': 2},
    'machine': {'cores': 2},
  }


def test_what_is_not_known_is_left_out():
  result = comparison.Result(
    RESULT.case, (child.StepTime(1.0, 1.5),), 2.0, 2**30, {}, {}
  )
  values = report.record(result, {})
  assert 'ratio' not in values and 'images_per_second' not in values
  assert report.table([values]) == (
    '| case | median s | min | max | CPU s | other load | peak GiB'
    ' | first step s |\n'
    '| --- | --- | --- | --- | --- | --- | --- | --- |\n'
    '| a | 1 | 1 | 1 | 1.5 | - | 1 | 2 |'
  )
