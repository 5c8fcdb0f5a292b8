"""Numbers, scores and tables as people read them."""

from __future__ import annotations

from collections.abc import Sequence

# Scores that decide, as they are called in sentences.
SCORES = {'cross_entropy': 'cross-entropy', 'miou': 'mIoU'}
LOSS_SUM = 'sum of training losses'


def score(name: str) -> str:
  """A score of a trial as it is called in sentences, such as 'mIoU 0.41'."""
  return {**SCORES, 'loss_sum': LOSS_SUM}.get(name, name)


def counted(number: float, noun: str, plural: str | None = None) -> str:
  """'1 pixel', '1,024 pixels'.

  Args:
    number: A whole number.
    noun: Of one.
    plural: Of several; None appends an 's'.
  """
  several = f'{noun}s' if plural is None else plural
  return f'{number:,.0f} {noun if number == 1 else several}'


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
  """Columns of equal width; the first to the left, the others to the right."""
  widths = [max(map(len, column)) for column in zip(*rows)]
  return [
    '  '.join(
      cell.rjust(width) if i else cell.ljust(width)
      for i, (cell, width) in enumerate(zip(row, widths))
    ).rstrip()
    for row in rows
  ]
