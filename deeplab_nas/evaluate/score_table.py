"""The scores of an evaluation as a table, for people and for programs."""

from __future__ import annotations

import csv
import io
import math
from typing import Any, Protocol

import numpy as np

from deeplab_nas import wording
from deeplab_nas.evaluate import bootstrap, image_counts

# New columns come last: programs may count them.
_OLD = ('iou', 'accuracy')
_NEW = ('precision', 'recall', 'f1', 'boundary_iou')


class Scores(Protocol):
  """What is read of `scores.Scores`, which says what it means."""

  class_names: tuple[str, ...]
  confusion: np.ndarray
  num_images: int
  ignored_pixels: int
  miou: float
  cross_entropy: float
  pixel_accuracy: float
  mean_accuracy: float
  frequency_weighted_iou: float
  class_boundary_iou: np.ndarray
  by_class: dict[str, np.ndarray]
  intervals: bootstrap.Intervals
  constant: Any


def to_csv(scores: Scores) -> str:
  """A line for each class, in class order, and one for the means."""
  stream = io.StringIO()
  table = csv.writer(stream, lineterminator='\n')
  table.writerow(
    [
      'class',
      *_OLD,
      'labelled_pixels',
      'predicted_pixels',
      *_NEW,
      'iou_low',
      'iou_high',
    ]
  )
  values = scores.by_class
  rows = [
    [values[name][i] for name in (*_OLD, *_NEW)]
    for i in range(len(scores.class_names))
  ]
  pixels = zip(scores.confusion.sum(1), scores.confusion.sum(0))
  bounds = scores.intervals.class_iou.T
  for name, row, counts, bound in zip(scores.class_names, rows, pixels, bounds):
    table.writerow(_line(name, row, counts, bound))
  total = scores.confusion.sum()
  means = image_counts.mean_of_known(np.array(rows).T)
  bound = scores.intervals.miou
  table.writerow(_line('mean or sum', means, (total, total), bound))
  return stream.getvalue()


def to_text(scores: Scores) -> str:
  """A table for people; shares in percent."""
  width = max(20, *map(len, scores.class_names))
  lines = [
    f'{"class":<{width}} {"IoU":>8} {_level():>15} {"recall":>8}'
    f' {"precision":>9} {"F1":>8} {"boundary":>9} {"pixels":>14}'
  ]
  values, bounds = scores.by_class, scores.intervals.class_iou.T
  for i, name in enumerate(scores.class_names):
    lines.append(
      f'{name:<{width}} {percent(values["iou"][i]):>8} {span(bounds[i]):>15}'
      f' {percent(values["recall"][i]):>8}'
      f' {percent(values["precision"][i]):>9} {percent(values["f1"][i]):>8}'
      f' {percent(values["boundary_iou"][i]):>9}'
      f' {scores.confusion[i].sum():>14,}'
    )
  lines += ['', *_summary(scores)]
  lines.append(
    f'{wording.counted(scores.num_images, "image")},'
    f' {wording.counted(scores.ignored_pixels, "pixel")} ignored'
  )
  return '\n'.join(lines)


def _summary(scores: Scores) -> list[str]:
  """The means, and what a constant prediction would have."""
  constant = scores.constant
  interval = span(scores.intervals.miou)
  boundary = float(image_counts.mean_of_known(scores.class_boundary_iou))
  rows = [
    ('mean IoU', scores.miou, f'{_level()} {interval}'),
    ('mean boundary IoU', boundary, ''),
    ('pixel accuracy', scores.pixel_accuracy, ''),
    ('mean accuracy', scores.mean_accuracy, ''),
    ('frequency-weighted IoU', scores.frequency_weighted_iou, ''),
  ]
  lines = [f'{name:<24} {percent(x):>8}  {note}' for name, x, note in rows]
  if not math.isnan(scores.cross_entropy):
    lines.append(f'{"cross-entropy":<24} {scores.cross_entropy:>8.4f}')
  if constant:
    lines.append(
      f'For comparison, {constant.name} everywhere: mean IoU'
      f' {percent(constant.miou)}, pixel accuracy'
      f' {percent(constant.pixel_accuracy)}'
    )
  return [line.rstrip() for line in lines]


def percent(value: float) -> str:
  return '-' if math.isnan(value) else f'{100 * value:.2f} %'


def span(bounds: np.ndarray) -> str:
  """'51.2 - 60.0' of an interval, in percent."""
  low, high = bounds
  return '-' if math.isnan(low) else f'{100 * low:.1f} - {100 * high:.1f}'


def _level() -> str:
  return f'({100 * bootstrap.LEVEL:.0f} %)'


def _line(name, row, counts, bound) -> list[str]:
  cells = list(map(image_counts.cell, row))
  return [
    name,
    *cells[: len(_OLD)],
    *map(str, counts),
    *cells[len(_OLD) :],
    *map(image_counts.cell, bound),
  ]
