"""The confusion matrix as a picture: where each class's pixels went."""

from __future__ import annotations

import io

import numpy as np
from matplotlib import figure

from deeplab_nas.evaluate import scores as scores_lib

_INCHES_PER_CLASS = 0.42
_MOST_NUMBERS = 30  # classes, above which the cells have no room for text


def draw(scores: scores_lib.Scores) -> bytes:
  """A PNG; rows are labels and sum to 100 %, columns are predictions.

  A class that is neither labelled nor predicted is left out; one that is only
  predicted has an empty row.
  """
  counts = scores.confusion.sum(0) + scores.confusion.sum(1)
  used = np.flatnonzero(counts) if counts.any() else range(len(counts))
  confusion = scores.confusion[np.ix_(used, used)].astype(np.float64)
  names = [scores.class_names[i] for i in used]
  totals = confusion.sum(1, keepdims=True)
  shares = 100 * confusion / np.where(totals > 0, totals, 1)  # [C, C]
  num_classes = len(names)
  side = 3 + _INCHES_PER_CLASS * num_classes
  picture = figure.Figure(figsize=(side + 0.8, side), layout='constrained')
  axes = picture.subplots()
  image = axes.imshow(
    np.where(totals > 0, shares, np.nan), cmap='viridis', vmin=0, vmax=100
  )
  picture.colorbar(image, ax=axes, shrink=0.8, label='% of the labelled pixels')
  axes.set_xticks(range(num_classes), names, rotation=90)
  axes.set_yticks(range(num_classes), names)
  axes.set_xlabel('predicted')
  axes.set_ylabel('labelled')
  axes.set_title(f'mean IoU {100 * scores.miou:.1f} %')
  if num_classes <= _MOST_NUMBERS:
    for row, column in np.argwhere((shares >= 0.5) & (totals > 0)):
      axes.text(
        column,
        row,
        f'{shares[row, column]:.0f}',
        ha='center',
        va='center',
        fontsize=8,
        color='white' if shares[row, column] < 60 else 'black',
      )
  stream = io.BytesIO()
  picture.savefig(stream, format='png', dpi=100)
  return stream.getvalue()
