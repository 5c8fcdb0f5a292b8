"""The file of a race: a line for what is raced, and one for each study."""

from __future__ import annotations

import dataclasses
import json
import os
import pathlib
from collections.abc import Iterator, Mapping
from typing import Any

from deeplab_nas import errors, files, safe_json


@dataclasses.dataclass(frozen=True)
class Record:
  """One study.

  Attributes:
    contestant: Text of the contestant.
    run: Number of the landscape, and the study's seed.
    regrets: At each time, the loss of what would be returned, above the least.
    shares: At each time, how much of the space is better than it.
    num_trials: By steps.
    seconds: Of processor time, that the study took here.
  """

  contestant: str
  run: int
  regrets: tuple[float, ...]
  shares: tuple[float, ...]
  num_trials: Mapping[str, int]
  seconds: float

  @classmethod
  def from_line(cls, line: str) -> Record:
    """Reads what `to_line` has given."""
    values = dict(safe_json.parse(line))
    for name in ('regrets', 'shares'):
      values[name] = tuple(map(float, values[name]))
    counts = dict(values['num_trials'])
    values['num_trials'] = {str(int(k)): int(counts[k]) for k in counts}
    values['run'] = int(values['run'])
    return cls(**values)

  def to_line(self) -> str:
    """One line of JSON."""
    return json.dumps(dataclasses.asdict(self))


class Records:
  """What has been raced so far; more is appended at once.

      records = Records.open('races.jsonl', {'times': [600, 1800]})
      records.append(record)
      records.of('halving')     # {run: record}

  Attributes:
    facts: What all studies have in common.
  """

  def __init__(self, path: pathlib.Path, facts: Mapping[str, Any]):
    """Nothing is read; see `open`."""
    self.facts = dict(facts)
    self._path = path
    self._records: dict[tuple[str, int], Record] = {}

  @classmethod
  def open(
    cls, path: str | os.PathLike[str], facts: Mapping[str, Any]
  ) -> Records:
    """Begins a file, or goes on with one.

    A last line without its end, of a process that was killed while it wrote, is
    cut off.

    Args:
      path: Of the file.
      facts: What all studies have in common, in types that JSON knows.

    Raises:
      UserError: If the file is of other facts, or is none of a race.
    """
    records = cls(pathlib.Path(path), json.loads(json.dumps(facts)))
    if not records._path.exists():
      files.write(path, json.dumps(records.facts) + '\n')
      return records
    try:
      text = records._path.read_text('utf-8')
      whole = text[: text.rfind('\n') + 1]
      first, *lines = whole.splitlines()
      held = dict(safe_json.parse(first))
      found = [Record.from_line(line) for line in lines]
      lengths = {len(x) for r in found for x in (r.regrets, r.shares)}
      if lengths - {len(held['times'])}:
        raise ValueError('a study was noted at other times')
    except (ValueError, TypeError, KeyError) as error:
      raise errors.UserError(
        f'{path} is no file of a race ({error}): name another one.'
      ) from error
    other = [
      k for k in {**held, **facts} if held.get(k) != records.facts.get(k)
    ]
    errors.require(
      not other,
      f'{path} is of a race with other {", ".join(other)}: name another file,'
      ' or race as it did.',
    )
    if whole != text:
      files.write(path, whole)
    for record in found:
      records._records[record.contestant, record.run] = record
    return records

  def append(self, record: Record) -> None:
    """Adds one study, to the file at once."""
    self._records[record.contestant, record.run] = record
    with open(self._path, 'a', encoding='utf-8') as file:
      file.write(record.to_line() + '\n')
    files.flush(self._path)

  def of(self, contestant: str) -> dict[int, Record]:
    """The studies of a contestant, by number of the run."""
    return {
      run: record
      for (name, run), record in sorted(self._records.items())
      if name == contestant
    }

  def __contains__(self, key: tuple[str, int]) -> bool:
    return key in self._records

  def __iter__(self) -> Iterator[Record]:
    return iter(self._records.values())

  def __len__(self) -> int:
    return len(self._records)
