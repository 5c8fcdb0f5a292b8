"""Durations, counts, files and scores in words that people read."""

from __future__ import annotations

import math
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

from deeplab_nas import wording
from deeplab_nas.space import cost

# In a line of `metrics_log`: batches over which statistics were taken anew.
RECALIBRATION = 'recalibration_batches'


def duration(seconds: float) -> str:
  """'8 s', '3 min 20 s', '2 h 05 min', '3 d 04 h'."""
  seconds = max(0, round(seconds))
  minutes, hours, days = seconds // 60, seconds // 3600, seconds // 86400
  if days:
    return f'{days} d {hours % 24:02d} h'
  if hours:
    return f'{hours} h {minutes % 60:02d} min'
  if minutes:
    return f'{minutes} min {seconds % 60:02d} s'
  return f'{seconds} s'


def class_rows(metrics: Mapping[str, Any]) -> list[str]:
  """IoU by class, of a line of `metrics_log` that was validated."""
  shares = metrics.get('class_iou') or {}
  return [
    f'  {name:<20} {100 * value:5.1f} %'
    for name, value in shares.items()
    if value is not None
  ]


def statistics(metrics: Mapping[str, Any]) -> list[str]:
  """How a validation got its batch-norm statistics, if not from the steps."""
  count = metrics.get(RECALIBRATION)
  if not count:
    return []
  return [
    'Measured with batch-norm statistics that were taken anew over'
    f' {wording.counted(count, "batch", "batches")}.'
  ]


def files(*rows: tuple[str, pathlib.Path]) -> str:
  """A table of the files and folders that are there."""
  return '\n'.join(f'{name:<20} {path}' for name, path in rows if path.exists())


def costs(value: cost.Cost, filters: float, size: Sequence[int]) -> str:
  """'2.1 M parameters, 3 B multiply-adds at F = 8, 320 x 480 pixels'."""
  return (
    f'{count(value.params)} parameters, {count(value.macs)} multiply-adds at'
    f' F = {filters:g}, {size[0]} x {size[1]} pixels'
  )


def count(value: float) -> str:
  """'1.23 M' from 1234567; more than thousands of T are in T."""
  value = float(f'{value:.3g}')  # so that 999,999 is 1 M
  index = min(int(math.log10(max(value, 1)) // 3), 4)
  return f'{value / 1000**index:.3g} {" KMBT"[index]}'.strip()
