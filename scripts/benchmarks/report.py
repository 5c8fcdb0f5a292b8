"""Results as JSON lines, for programs, and as a table, for people."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks import comparison

_DIGITS = 5
_COLUMNS = {
  'case': 'case',
  'median s': 'median_seconds',
  'min': 'min_seconds',
  'max': 'max_seconds',
  'ratio': 'ratio',
  'CPU s': 'median_cpu_seconds',
  'other load': 'other_load',
  'images/s': 'images_per_second',
  'peak GiB': 'peak_gib',
  'first step s': 'first_step_seconds',
  'GFLOP': 'gflop',
  'GFLOP/s': 'gflops_per_second',
  '% of peak': 'percent_of_matrix_peak',
  'nodes': 'graph_nodes',
  'nodes in functions': 'graph_function_nodes',
}


def record(
  result: comparison.Result,
  machine: Mapping[str, Any],
  matrix_peak: float | None = None,
) -> dict[str, Any]:
  """One result, in types that JSON knows.

  Args:
    result: What was measured.
    machine: Where, from `machine.describe`.
    matrix_peak: FLOP/s of a matrix product there; None if not measured.
  """
  return {
    'case': result.case.name,
    'settings': dict(result.case.settings),
    'median_seconds': result.median_seconds,
    'min_seconds': min(result.seconds),
    'max_seconds': max(result.seconds),
    'quartile_range_seconds': result.quartile_range_seconds,
    'median_cpu_seconds': result.median_cpu_seconds,
    'other_load': result.other_load,
    'runs': len(result.seconds),
    **({} if result.ratio is None else {'ratio': result.ratio}),
    **_speeds(result, matrix_peak),
    'first_step_seconds': result.first_step_seconds,
    'peak_bytes': result.peak_bytes,
    'peak_gib': result.peak_bytes / 2**30,
    'facts': result.facts,
    'threads': result.threads,
    'machine': dict(machine),
  }


def line(values: Mapping[str, Any]) -> str:
  """A record as one line of JSON."""
  return json.dumps(_rounded(values))


def table(records: Sequence[Mapping[str, Any]]) -> str:
  """Records as Markdown; columns that no record has are left out."""
  records = [{**values, **values['facts']} for values in records]
  columns = {
    title: key
    for title, key in _COLUMNS.items()
    if any(key in values for values in records)
  }
  rows = [
    list(columns),
    ['---'] * len(columns),
    *(
      [_cell(values.get(key)) for key in columns.values()] for values in records
    ),
  ]
  return '\n'.join(f'| {" | ".join(row)} |' for row in rows)


def _speeds(
  result: comparison.Result, matrix_peak: float | None
) -> dict[str, float]:
  """What follows from the known facts."""
  speeds, seconds = {}, result.median_seconds
  if 'images' in result.facts:
    speeds['images_per_second'] = result.facts['images'] / seconds
  if 'flops' in result.facts:
    flops_per_second = result.facts['flops'] / seconds
    speeds['gflop'] = result.facts['flops'] / 1e9
    speeds['gflops_per_second'] = flops_per_second / 1e9
    if matrix_peak is not None:
      speeds['percent_of_matrix_peak'] = 100 * flops_per_second / matrix_peak
  if matrix_peak is not None:
    speeds['matrix_peak_gflops_per_second'] = matrix_peak / 1e9
  return speeds


def _cell(value: Any) -> str:
  if value is None:
    return '-'
  return f'{value:.4g}' if isinstance(value, float) else str(value)


def _rounded(value: Any) -> Any:
  """The same with fewer digits, however deep."""
  if isinstance(value, float):
    return float(f'{value:.{_DIGITS}g}')
  if isinstance(value, Mapping):
    return {key: _rounded(item) for key, item in value.items()}
  if isinstance(value, (list, tuple)):
    return [_rounded(item) for item in value]
  return value
