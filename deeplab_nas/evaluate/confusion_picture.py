"""The confusion matrix as a picture: where each class's pixels went."""

from __future__ import annotations

import io

import numpy as np
from matplotlib import figure

from deeplab_nas.evaluate import scores as scores_lib

_INCHES_PER_CLASS = 0.62
_MOST_NUMBERS = 30  # classes, above which the cells have no room for text
_INCHES_WITHOUT_NUMBERS = 0.28
_LEAST_INCHES = 2.5
_LONGEST_NAME = 24


def draw(scores: scores_lib.Scores) -> bytes:
  """A PNG; rows are labels and sum to 100 %, columns are predictions.

  A cell has its share of the row and its pixels; a row its IoU at the right. A
  class that is neither labelled nor predicted is left out; one that is only
  predicted has an empty row.
  """
  counts = scores.confusion.sum(0) + scores.confusion.sum(1)
  used = np.flatnonzero(counts) if counts.any() else np.arange(len(counts))
  confusion = scores.confusion[np.ix_(used, used)]
  totals = confusion.sum(1, keepdims=True)
  shares = 100 * confusion / np.where(totals > 0, totals, 1)  # [C, C]
  has_numbers = len(used) <= _MOST_NUMBERS
  side = len(used) * (
    _INCHES_PER_CLASS if has_numbers else _INCHES_WITHOUT_NUMBERS
  )
  side = max(side, _LEAST_INCHES)
  picture = figure.Figure(
    figsize=(side + 4.5, side + 2.7), layout='constrained'
  )
  axes = picture.subplots()
  image = axes.imshow(
    np.where(totals > 0, shares, np.nan), cmap='viridis', vmin=0, vmax=100
  )
  axes.set_facecolor('0.9')
  picture.colorbar(image, ax=axes, shrink=0.8, label='% of the row')
  _name(axes, scores, used)
  if has_numbers:
    _number(axes, confusion, shares)
  stream = io.BytesIO()
  picture.savefig(stream, format='png', dpi=100)
  return stream.getvalue()


def _name(axes, scores: scores_lib.Scores, used: np.ndarray) -> None:
  """Classes with their pixels on two sides, their IoU on the third."""
  ticks = range(len(used))
  sums = scores.confusion.sum(0), scores.confusion.sum(1)
  predicted, labelled = (
    [f'{_short(scores.class_names[i])} ({short_count(x[i])})' for i in used]
    for x in sums
  )
  axes.set_xticks(ticks, predicted, rotation=90)
  axes.set_yticks(ticks, labelled)
  axes.set_xlabel('predicted (pixels)')
  axes.set_ylabel('labelled (pixels)')
  axes.set_title(f'mean IoU {_percent(scores.miou)}')
  right = axes.secondary_yaxis('right')
  right.set_yticks(ticks, [_percent(scores.class_iou[i]) for i in used])
  right.tick_params(length=0)
  right.set_ylabel('IoU')


def _number(axes, confusion: np.ndarray, shares: np.ndarray) -> None:
  """Share and pixels in every cell that has any."""
  for row, column in np.argwhere(confusion > 0):
    share, pixels = shares[row, column], short_count(confusion[row, column])
    percent = '<1' if share < 0.5 else f'{share:.0f}'
    axes.text(
      column,
      row,
      f'{percent} %\n{pixels}',
      ha='center',
      va='center',
      fontsize=8,
      color='white' if share < 60 else 'black',
    )


def short_count(number: int) -> str:
  """'950', '12.3 k', '4.56 M' or '1.20 G'."""
  for unit, size in (('G', 10**9), ('M', 10**6), ('k', 10**3)):
    if number >= size:
      value = number / size
      return f'{value:.{2 if value < 10 else 1 if value < 100 else 0}f} {unit}'
  return str(number)


def _short(name: str) -> str:
  if len(name) <= _LONGEST_NAME:
    return name
  return name[: _LONGEST_NAME - 3] + '...'


def _percent(value: float) -> str:
  return '-' if np.isnan(value) else f'{100 * value:.1f} %'
