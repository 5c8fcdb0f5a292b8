"""What a comparison of strategies found: table, numbers, picture.

An architecture's score is the mean over its seeds; a strategy's are those of
what its searches found. TensorFlow is not imported here.
"""

from __future__ import annotations

import io
import json
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from matplotlib import figure

from deeplab_nas import files, wording
from deeplab_nas.evaluate import permutation
from deeplab_nas.report import text

RANDOM, OTHER = 'random architectures', 'others'
_BASELINE = 'random'
# Of processor time, beyond which searches are not called equal.
_TOLERANCE = 0.1
_HEADER = (
  '',
  'n',
  'cross-entropy',
  'mIoU',
  'p',
  'above best',
  'p of rank',
  'processor time',
)


class Entry(NamedTuple):
  """An architecture that was trained by the final protocol.

  Attributes:
    group: The strategy that found it, or `RANDOM` or `OTHER`.
    name: Of the search, or of the architecture.
    digest: Of the architecture.
    filter_multiplier: F, as wide as the budget allows.
    seconds: Of processors, that the search took; None where there is none.
    num_trials: Of the search; None of a relaxed one.
    cross_entropy: On unseen images, of each seed that did not fail.
    miou: Likewise.
  """

  group: str
  name: str
  digest: str
  filter_multiplier: float
  seconds: float | None
  num_trials: int | None
  cross_entropy: tuple[float, ...]
  miou: tuple[float, ...]


class Row(NamedTuple):
  """A group of architectures, as the table and the JSON file have it.

  Attributes:
    group: See `Entry`.
    cross_entropy: Mean over seeds of each architecture.
    miou: Likewise.
    seconds: Mean of the searches; None where there are none.
    p_value: Of the one-sided exact permutation test by cross-entropy against
      the searches of `random`, else against random architectures; None where
      there are neither.
    num_above: Architectures with less cross-entropy than the best of the random
      ones; None where there are none.
    p_of_rank: How often chance alone would rank as many above; likewise.
  """

  group: str
  cross_entropy: tuple[float, ...]
  miou: tuple[float, ...]
  seconds: float | None
  p_value: float | None
  num_above: int | None
  p_of_rank: float | None


def rows(entries: Sequence[Entry]) -> list[Row]:
  """A row for each group, in the order of the entries."""
  groups: dict[str, list[Entry]] = {}
  for entry in entries:
    if entry.cross_entropy:
      groups.setdefault(entry.group, []).append(entry)
  losses = {
    group: [float(np.mean(e.cross_entropy)) for e in found]
    for group, found in groups.items()
  }
  # The architectures that are trained as they are, else the searches.
  drawn = losses.get(RANDOM, losses.get(_BASELINE, []))
  baseline = losses.get(_BASELINE, drawn)
  made = []
  for group, found in groups.items():
    seconds = [e.seconds for e in found if e.seconds is not None]
    is_compared = group not in (_BASELINE, RANDOM, OTHER)
    p_value = num_above = p_of_rank = None
    if is_compared and baseline:
      p_value = permutation.p_of_less(losses[group], baseline)
    if drawn and group != RANDOM and losses[group] is not drawn:
      num_above = sum(loss < min(drawn) for loss in losses[group])
    if num_above is not None and group != OTHER:
      p_of_rank = permutation.p_of_best(
        len(losses[group]), len(drawn), num_above
      )
    made.append(
      Row(
        group,
        tuple(losses[group]),
        tuple(float(np.mean(e.miou)) for e in found),
        float(np.mean(seconds)) if seconds else None,
        p_value,
        num_above,
        p_of_rank,
      )
    )
  return made


def table(entries: Sequence[Entry]) -> str:
  """The rows in words, means with standard deviations over searches."""
  cells = [_HEADER]
  for row in rows(entries):
    above = f'{row.num_above} of {len(row.miou)}'
    cells.append(
      (
        row.group,
        str(len(row.miou)),
        _spread(row.cross_entropy, 1, '.4f'),
        _spread(row.miou, 100, '.2f', ' %'),
        _number(row.p_value),
        '-' if row.num_above is None else above,
        _number(row.p_of_rank),
        '-' if row.seconds is None else text.duration(row.seconds),
      )
    )
  return '\n'.join(wording.aligned(cells))


def remarks(
  entries: Sequence[Entry], budget: float, num_seeds: int
) -> list[str]:
  """Sentences on what the table leaves out.

  Args:
    entries: All.
    budget: Seconds of processors, that each search was allowed.
    num_seeds: Trainings of each architecture.
  """
  found = []
  for entry in entries:
    if not entry.cross_entropy:
      found.append(f'{entry.name} is left out: all its trainings failed.')
    elif num_failed := num_seeds - len(entry.cross_entropy):
      found.append(
        f'{entry.name} has the mean of the others where {num_failed} of'
        f' {num_seeds} trainings failed, which flatters it.'
      )
    if entry.seconds is None:
      continue
    share = entry.seconds / budget - 1
    if abs(share) > _TOLERANCE:
      word = 'more' if share > 0 else 'less'
      found.append(
        f'{entry.name} took {100 * abs(share):.0f} % {word} processor time than'
        ' the budget: it is not quite comparable.'
      )
  found_by = {e.group for e in entries if e.seconds is not None}
  if _BASELINE not in found_by:
    found.append(
      'Without random among the strategies there is no baseline of searches.'
    )
  return found


def summary(entries: Sequence[Entry], facts: Mapping[str, Any]) -> str:
  """All that is printed at the end.

  Args:
    entries: All.
    facts: 'budget' in seconds, 'measure' and 'limit' of the width, 'images',
      'seeds' and 'steps' of the final trainings.
  """
  drawn = any(e.group == RANDOM for e in entries)
  of = 'random architectures' if drawn else 'those that random found'
  is_searched = any(e.group == _BASELINE for e in entries)
  against = 'what random found' if is_searched else of
  lines = [
    f'What searches of {text.duration(facts["budget"])} of processor time each'
    f' found, trained again: {facts["seeds"]} seeds of {facts["steps"]} steps,',
    f'at most {text.count(facts["limit"])} {facts["measure"]}, scored on'
    f' {facts["images"]}. Means +- standard deviations over searches.',
    '',
    table(entries),
    '',
    f'p: exact permutation test of the cross-entropy against {against},',
    'one-sided;',
    f'above best: with less cross-entropy than the best of {of};',
    'p of rank: how often chance alone would rank so many above all of these.',
    *remarks(entries, facts['budget'], facts['seeds']),
  ]
  return '\n'.join(lines)


def save(
  entries: Sequence[Entry], facts: Mapping[str, Any], path: pathlib.Path
) -> None:
  """Writes all numbers as a JSON file."""
  content = {
    **facts,
    'rows': [row._asdict() for row in rows(entries)],
    'architectures': [entry._asdict() for entry in entries],
  }
  files.write(path, json.dumps(content, indent=1) + '\n')


def draw(entries: Sequence[Entry], path: pathlib.Path) -> None:
  """Draws the scores of each group: points, and their means."""
  made = rows(entries)
  picture = figure.Figure(figsize=(8, 4), layout='constrained')
  for axes, name in zip(picture.subplots(1, 2), ('cross_entropy', 'miou')):
    for i, row in enumerate(made):
      values = getattr(row, name)
      axes.plot([i] * len(values), values, 'o', color='0.5', alpha=0.7)
      axes.plot([i - 0.25, i + 0.25], [np.mean(values)] * 2, color='C3')
    axes.set_xticks(range(len(made)), [row.group for row in made], rotation=30)
    axes.set_ylabel(f'{wording.SCORES[name]} on unseen images')
  content = io.BytesIO()
  picture.savefig(content, format='png', dpi=150)
  files.write(path, content.getvalue())


def _spread(values, scale: float, form: str, unit: str = '') -> str:
  shown = f'{scale * np.mean(values):{form}}'
  if len(values) > 1:
    shown += f' +- {scale * np.std(values, ddof=1):{form}}'
  return shown + unit


def _number(value: float | None) -> str:
  return '-' if value is None else f'{value:.2g}'
