"""The file of the table: a line for the protocol, and one for each trial."""

from __future__ import annotations

import json
import math
import os
import pathlib
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from deeplab_nas import errors, files, safe_json
from deeplab_nas.search.trials import outcome
from deeplab_nas.search.trials.table import protocol as protocol_lib
from deeplab_nas.search.trials.table import space
from deeplab_nas.space import genotype as genotype_lib

# The table that comes with the package.
PACKAGED = pathlib.Path(__file__).parent / 'hb1.jsonl'
# Digits of measured numbers, of which seeds change the second.
_DIGITS = 6
# Of the mean losses of equal parts of the training that a row keeps.
_PARTS = 10


class Key(NamedTuple):
  """What a row is a trial of.

  Attributes:
    genotype: The architecture.
    steps: Of the training.
    seed: Of weights, data order and augmentation.
  """

  genotype: genotype_lib.Genotype
  steps: int
  seed: int

  def __str__(self) -> str:
    return f'{self.genotype.digest}:{self.steps}:{self.seed}'


class Row(NamedTuple):
  """A trial, and what came of it.

  Attributes:
    key: What it is a trial of.
    filter_multiplier: F, by the budget of the cells' multiply-adds.
    scores: 'cross_entropy', 'miou', 'loss_sum', costs; None if it failed.
    seconds: Of processor time.
    losses: Mean training losses of tenths of the steps, in order.
    class_iou: By name; NaN where half B has none of the class.
    failure: Why there are no scores, or None.
    device: What computed it.
  """

  key: Key
  filter_multiplier: float
  scores: Mapping[str, float] | None
  seconds: float
  losses: tuple[float, ...] = ()
  class_iou: Mapping[str, float] = {}
  failure: str | None = None
  device: str = ''

  @classmethod
  def of(
    cls, key: Key, filter_multiplier: float, found: outcome.Outcome
  ) -> Row:
    """The row of an outcome, in as many digits as the file has."""
    scores = found.scores
    row = cls(
      key,
      filter_multiplier,
      None if scores is None else dict(scores),
      found.cpu_seconds,
      _means(found.losses),
      dict(found.class_iou),
      found.failure,
      found.device,
    )
    return cls.from_line(row.to_line())

  def to_line(self) -> str:
    """One line of JSON."""
    genotype = self.key.genotype
    return json.dumps(
      {
        'path': genotype.path,
        'cell': genotype.cell,
        'steps': self.key.steps,
        'seed': self.key.seed,
        'filter_multiplier': self.filter_multiplier,
        **_rounded(
          {
            'scores': self.scores,
            'seconds': self.seconds,
            'losses': self.losses,
            'class_iou': {
              name: None if math.isnan(value) else value
              for name, value in self.class_iou.items()
            },
          }
        ),
        'failure': self.failure,
        'device': self.device,
      },
      separators=(',', ':'),
    )

  @classmethod
  def from_line(cls, line: str) -> Row:
    """Reads what `to_line` has given.

    Raises:
      ValueError: If it is something else.
    """
    try:
      values = dict(safe_json.parse(line))
      genotype = genotype_lib.Genotype(values.pop('path'), values.pop('cell'))
      key = Key(genotype, values.pop('steps'), values.pop('seed'))
      ious = values.pop('class_iou')
      losses = tuple(values.pop('losses'))
      scores, seconds = values['scores'], values['seconds']
      if scores is not None and 'cross_entropy' not in scores:
        raise ValueError('a trial that did not fail has no cross_entropy')
      numbers = *(scores or {}).values(), *losses, seconds, key.steps, key.seed
      if not all(map(math.isfinite, numbers)) or seconds < 0:
        raise ValueError('a number is not finite, or less than 0 seconds')
      return cls(
        key,
        losses=losses,
        class_iou={
          name: math.nan if value is None else value
          for name, value in ious.items()
        },
        **values,
      )
    except (TypeError, KeyError, AttributeError) as error:
      raise ValueError(f'no row of a table of trials: {error}') from error


class Table:
  """The rows that there are; further ones are appended to the file.

      table = Table.load(PACKAGED)
      table.rows[Key(genotype, 400, 0)].scores['cross_entropy']

  Attributes:
    protocol: Of all rows.
    rows: By what they are trials of, in the order of the file.
  """

  def __init__(
    self,
    protocol: protocol_lib.Protocol,
    path: str | os.PathLike[str] | None = None,
  ):
    """An empty table.

    Args:
      protocol: Of the rows.
      path: File to append to; None for no file.
    """
    self.protocol = protocol
    self.rows: dict[Key, Row] = {}
    self._path = None if path is None else pathlib.Path(path)

  @classmethod
  def create(
    cls, protocol: protocol_lib.Protocol, path: str | os.PathLike[str]
  ) -> Table:
    """An empty table, and its file."""
    files.write(path, protocol.to_line() + '\n')
    return cls(protocol, path)

  @classmethod
  def load(cls, path: str | os.PathLike[str] = PACKAGED) -> Table:
    """Reads a file.

    A last line without its end, of a process that was killed while it wrote, is
    cut off by the next `append`.

    Raises:
      UserError: If it cannot be read, or holds something else.
    """
    path = pathlib.Path(path)
    try:
      first, *lines = path.read_text('utf-8').split('\n')
    except (OSError, UnicodeDecodeError) as error:
      reason = getattr(error, 'strerror', None) or error
      raise errors.UserError(f'{path} cannot be read: {reason}.') from error
    table = cls(protocol_lib.Protocol.from_line(first), path)
    for number, line in enumerate(lines[:-1], start=2):
      try:
        row = Row.from_line(line)
        space.SPACE.check(row.key.genotype)
        if row.key.steps not in table.protocol.steps:
          raise ValueError(f'the table has no trials of {row.key.steps} steps')
      except ValueError as error:
        raise errors.UserError(f'{path}, line {number}: {error}.') from error
      table.rows[row.key] = row
    return table

  def append(self, row: Row) -> None:
    """Adds a row, to the file at once."""
    self.rows[row.key] = row
    if self._path is not None:
      with open(self._path, 'r+b') as file:
        content = file.read()
        file.seek(content.rfind(b'\n') + 1)
        file.truncate()
        file.write(row.to_line().encode() + b'\n')
      files.flush(self._path)

  def find(self, name: str) -> Row:
    """The row of 'digest:steps:seed'.

    Raises:
      UserError: If there is none.
    """
    for key, row in self.rows.items():
      if str(key) == name:
        return row
    raise errors.UserError(
      f'The table has no row {name!r}; write DIGEST:STEPS:SEED, such as'
      f' {next(map(str, self.rows), "f0ab1ee3c1a2:400:0")}.'
    )

  def __iter__(self) -> Iterator[Row]:
    return iter(self.rows.values())

  def __len__(self) -> int:
    return len(self.rows)


def _means(losses: tuple[float, ...]) -> tuple[float, ...]:
  if not losses:
    return ()
  count = min(_PARTS, len(losses))
  ends = [round(len(losses) * i / count) for i in range(count + 1)]
  parts = (losses[start:end] for start, end in zip(ends, ends[1:]))
  return tuple(math.fsum(part) / len(part) for part in parts)


def _rounded(value: Any) -> Any:
  """Nested values whose floats have the digits that are kept."""
  if isinstance(value, Mapping):
    return {name: _rounded(inner) for name, inner in value.items()}
  if isinstance(value, (tuple, list)):
    return [_rounded(inner) for inner in value]
  return float(f'{value:.{_DIGITS}g}') if isinstance(value, float) else value
