"""Two evaluations of the same images side by side.

    a = evaluated.Evaluated.load('runs/a')
    b = evaluated.Evaluated.load('runs/b')
    print(compare(a, b))

Both have counts of every image (`image_counts`), so that differences are those
of the networks and not of the images: resamples and permutations are paired.
TensorFlow is not imported here.
"""

from __future__ import annotations

import dataclasses
import json
import math
from typing import Any

import numpy as np

from deeplab_nas import errors, wording
from deeplab_nas.evaluate import (
  bootstrap,
  evaluated,
  image_counts,
  score_table,
)

# Of `results.json`, beside the settings of the run.
_OF_RESULTS = ('genotype', 'image_scale', 'scales', 'flip')
# Below it, intervals of the bootstrap are too narrow to be trusted.
_FEW_IMAGES = 20


def compare(a: evaluated.Evaluated, b: evaluated.Evaluated) -> str:
  """Settings that differ, scores with intervals, costs and time, as text.

  Raises:
    UserError: If they are not of the same images with the same labels.
  """
  b = _in_order_of(a, b)
  sections = (
    [
      f'A  {a.folder}',
      f'B  {b.folder}',
      wording.counted(len(a.images.names), 'image'),
    ],
    ['Settings that differ:', *_setting_rows(a, b)],
    _score_rows(a, b),
    ['Costs:', *_cost_rows(a, b)],
  )
  return '\n\n'.join('\n'.join(lines) for lines in sections)


def _in_order_of(
  a: evaluated.Evaluated, b: evaluated.Evaluated
) -> evaluated.Evaluated:
  """B with its images in the order of A's."""
  errors.require(
    a.class_names == b.class_names,
    f'{a.folder} and {b.folder} are of other classes, so that their scores'
    ' cannot be compared.',
  )
  only = set(a.images.names) ^ set(b.images.names)
  if only or len(a.images.names) != len(b.images.names):
    example = f', such as {min(only)}' if only else ''
    raise errors.UserError(
      f'{a.folder} ({wording.counted(len(a.images.names), "image")}) and'
      f' {b.folder} ({len(b.images.names)}) are evaluations of other'
      f' images{example}:'
      ' evaluate both runs on the same split of the same data.'
    )
  place = {name: i for i, name in enumerate(b.images.names)}
  order = [place[name] for name in a.images.names]
  nats = b.images.nats
  images = image_counts.ImageCounts(
    a.images.names,
    b.images.counts[order],
    None if nats is None else nats[order],
  )
  b = dataclasses.replace(b, images=images)
  labelled = [x.pixels[:, image_counts.LABELLED] for x in (a, b)]
  differs = (labelled[0] != labelled[1]).any(1)
  if differs.any():
    name = a.images.names[int(differs.argmax())]
    raise errors.UserError(
      f'{a.folder} and {b.folder} have images of the same names with other'
      f' labels, such as {name}: evaluate both runs on the same data.'
    )
  return b


def _setting_rows(a: evaluated.Evaluated, b: evaluated.Evaluated) -> list[str]:
  settings = [
    {**x.settings, **{key: x.results.get(key) for key in _OF_RESULTS}}
    for x in (a, b)
  ]
  rows = [('', 'A', 'B')]
  for key in dict.fromkeys((*settings[0], *settings[1])):
    values = [x.get(key) for x in settings]
    if values[0] != values[1]:
      rows.append((key, *map(_shown, values)))
  return wording.aligned(rows) if len(rows) > 1 else ['  none']


def _score_rows(a: evaluated.Evaluated, b: evaluated.Evaluated) -> list[str]:
  """IoU of both with intervals, and their difference with its own."""
  level = f'{100 * bootstrap.LEVEL:.0f} %'
  rows = [('IoU', 'A', f'({level})', 'B', f'({level})', 'B - A', f'({level})')]
  pairs = [
    [x.images.counts[:, kind] for x in (a, b)]
    for kind in (image_counts.PIXELS, image_counts.CONTOURS)
  ]
  found, of_contours = (bootstrap.difference(*pair) for pair in pairs)
  spans, contour_spans = (list(map(bootstrap.intervals, x)) for x in pairs)
  ious, contour_ious = (
    [image_counts.iou(counts.sum(0)) for counts in pair] for pair in pairs
  )
  for i, name in enumerate(a.class_names):
    rows.append(
      _row(
        name,
        [x[i] for x in ious],
        [x.class_iou[:, i] for x in spans],
        found.class_iou[i],
        found.class_interval[:, i],
      )
    )
  for name, values, bounds, gap in (
    ('mean', ious, spans, found),
    ('mean boundary IoU', contour_ious, contour_spans, of_contours),
  ):
    rows.append(
      _row(
        name,
        list(map(image_counts.mean_of_known, values)),
        [x.miou for x in bounds],
        gap.miou,
        gap.miou_interval,
      )
    )
  entropies = [x.images.cross_entropy for x in (a, b)]
  if not np.isnan(entropies).any():
    gap = entropies[1] - entropies[0]
    shown = (
      f'{entropies[0]:.4f}',
      '',
      f'{entropies[1]:.4f}',
      '',
      f'{gap:+.4f}',
    )
    rows.append(('cross-entropy', *shown, ''))
  return [*wording.aligned(rows), '', *_verdict(found, len(a.images.names))]


def _row(name, values, spans, gap, gap_span) -> tuple[str, ...]:
  cells = [
    text
    for value, bounds in zip(values, spans)
    for text in (score_table.percent(value), score_table.span(bounds))
  ]
  return (name, *cells, _points(gap), _signed_span(gap_span))


def _verdict(found: bootstrap.Difference, num_images: int) -> list[str]:
  if num_images < 2 or math.isnan(found.p_value):
    return ['Too few images to say whether the difference is one of chance.']
  text = f'{found.p_value:.4f}' if found.p_value >= 0.001 else 'below 0.001'
  lines = [
    f'p = {text} (paired permutation test of the mean IoU over images).',
    'Intervals and p speak of other images, not of other seeds: two seeds of'
    ' one setting can differ as well.',
  ]
  if num_images < _FEW_IMAGES:
    lines.append(
      f'So few images, {num_images}: intervals come out too narrow, and p'
      f' cannot be below {2 / 2**num_images:.2g}.'
    )
  return lines


def _cost_rows(a: evaluated.Evaluated, b: evaluated.Evaluated) -> list[str]:
  costs = [x.results.get('costs') or {} for x in (a, b)]
  rows = [('', 'A', 'B', 'B / A')]
  names = {
    'parameters': 'parameters',
    'multiply_adds': 'multiply-adds of the largest image',
  }
  for key, name in names.items():
    rows.append((name, *_pair([x.get(key) for x in costs], _count)))
  rows.append(('training', *_pair([a.seconds, b.seconds], _duration)))
  return wording.aligned(rows)


def _pair(values, written) -> tuple[str, str, str]:
  """Both values and their ratio; '-' for what was not noted."""
  is_known = [isinstance(x, (int, float)) and math.isfinite(x) for x in values]
  texts = [written(x) if known else '-' for x, known in zip(values, is_known)]
  has_ratio = all(is_known) and values[0] > 0
  return (*texts, f'{values[1] / values[0]:.2f}' if has_ratio else '-')


def _count(value: float) -> str:
  return f'{value:,.0f}'


def _duration(seconds: float) -> str:
  minutes, seconds = divmod(round(seconds), 60)
  hours, minutes = divmod(minutes, 60)
  return f'{hours}:{minutes:02d}:{seconds:02d} h'


def _points(gap: float) -> str:
  """A difference of shares in points of a percent."""
  return '-' if math.isnan(gap) else f'{100 * gap:+.2f}'


def _signed_span(bounds: np.ndarray) -> str:
  if np.isnan(bounds).any():
    return '-'
  low, high = 100 * bounds
  return f'{low:+.1f} to {high:+.1f}'


def _shown(value: Any) -> str:
  text = json.dumps(value, ensure_ascii=False, default=str)
  return text if len(text) <= 40 else f'{text[:37]}...'
