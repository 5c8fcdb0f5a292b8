"""How long operations take on one device: a table that was measured there.

A JSON file, which `deeplab_nas/timing/` fills by timing what
`required_operations` lists:

    {"version": 1, "machine": "...", "device": "CPU", "threads": 2,
     "libraries": {"tensorflow": "2.15.1"}, "image_size": [193, 257],
     "operations": [["sep_conv", 3, 1, 1, 8, 8, 49, 65, 0.213], ...]}

A row is an `Operation` and its milliseconds for one image. Operations of widths
between two that were timed are interpolated. A field "factor", 1 where it is
missing, corrects the level of all sums: whole networks on the clock gave it.

Reference:
  ProxylessNAS, Sec. 3.3, https://arxiv.org/abs/1812.00332 (tables of measured
  operations, their sum and its expectation).
"""

from __future__ import annotations

import dataclasses
import functools
import json
import math
import os
import pathlib
import platform
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from deeplab_nas import errors, files, safe_json, wording
from deeplab_nas.space import cost_table, derived_layers, operations
from deeplab_nas.space import genotype as genotype_lib

VERSION = 1
CPU_INFO = pathlib.Path('/proc/cpuinfo')
_FIELDS = {
  'version': int,
  'machine': str,
  'device': str,
  'threads': int,
  'libraries': dict,
  'image_size': list,
  'operations': list,
}


class UntimedError(ValueError):
  """An operation is not in the table."""


@dataclasses.dataclass(frozen=True, eq=False)
class LatencyTable:
  """Milliseconds of operations on one device, for one image.

  Attributes:
    machine: Where they were measured, see `this_machine`.
    device: What computed them, such as 'CPU'.
    threads: How many did.
    libraries: Versions by name.
    image_size: Height and width of the images that the operations are of.
    milliseconds: By operation, as timed alone; above 0.
    factor: Of a network's time to the sum of its operations; above 0.
  """

  machine: str
  image_size: tuple[int, int]
  milliseconds: Mapping[operations.Operation, float]
  threads: int = 1
  libraries: Mapping[str, str] = dataclasses.field(default_factory=dict)
  device: str = 'CPU'
  factor: float = 1.0

  def __post_init__(self):
    object.__setattr__(self, 'image_size', tuple(self.image_size))
    for op, value in self.milliseconds.items():
      if not 0 < value < math.inf:
        raise ValueError(f'{op} takes {value} ms, expected above 0')
    if not 0 < self.factor < math.inf:
      raise ValueError(f'its factor is {self.factor}, expected above 0')

  def of(self, ops: Iterable[operations.Operation]) -> float:
    """Milliseconds of operations in a network: `factor` times their sum.

    One that was not timed is interpolated, linearly in its channels, between
    the two next to it of its kind, window and size: one has no more, the other
    no fewer channels of input and of output.

    Raises:
      UntimedError: If there are no such two of one.
    """
    ops = tuple(ops)
    times = {op: self._time(op) for op in set(ops)}
    missing = [op for op, time in times.items() if time is None]
    if missing:
      raise UntimedError(
        f'the latency table lacks {len(missing)} of {len(times)} operations,'
        f' such as {min(missing)}: measure it for this width too'
      )
    return self.factor * math.fsum(times[op] for op in ops)

  def _time(self, op: operations.Operation) -> float | None:
    """Milliseconds of one; None if the table does not cover it."""
    if op in self.milliseconds:
      return self.milliseconds[op]
    if op not in self._interpolated:
      self._interpolated[op] = self._between(op)
    return self._interpolated[op]

  @functools.cached_property
  def _interpolated(self) -> dict[operations.Operation, float | None]:
    return {}

  @functools.cached_property
  def _alike(self) -> dict[operations.Operation, list[operations.Operation]]:
    """The operations that differ in nothing but their channels."""
    found = {}
    for op in self.milliseconds:
      found.setdefault(_without_channels(op), []).append(op)
    return found

  def _between(self, op: operations.Operation) -> float | None:
    """On the line from the next narrower to the next wider operation."""
    alike = self._alike.get(_without_channels(op), ())
    below = [x for x in alike if _fits_into(x, op)]
    above = [x for x in alike if _fits_into(op, x)]
    if not below or not above:
      return None
    low, high = max(below, key=_area), min(above, key=_area)
    channels = [_channels(low), _channels(high)]
    times = [self.milliseconds[low], self.milliseconds[high]]
    return float(np.interp(_channels(op), channels, times))

  def place_text(self) -> str:
    """Such as 'AMD EPYC, 2 cores, with 1 thread'."""
    return f'{self.machine}, with {wording.counted(self.threads, "thread")}'

  def to_json(self) -> str:
    """Text of the file; equal tables give equal text."""
    record = {
      'version': VERSION,
      'machine': self.machine,
      'device': self.device,
      'threads': self.threads,
      'libraries': dict(sorted(self.libraries.items())),
      'image_size': list(self.image_size),
    }
    if self.factor != 1:  # releases before it can read the others
      record['factor'] = self.factor
    rows = (
      json.dumps([*op, value])
      for op, value in sorted(self.milliseconds.items())
    )
    head = json.dumps(record, indent=1)[: -len('\n}')]
    return head + ',\n "operations": [\n  ' + ',\n  '.join(rows) + '\n ]\n}\n'

  @classmethod
  def from_json(cls, content: str) -> LatencyTable:
    """Reads what `to_json` wrote.

    Raises:
      ValueError: If the text is no table; the message says why.
    """
    try:
      record = safe_json.parse(content)
    except ValueError as error:
      raise ValueError(f'it is no JSON: {error}') from error
    _check_fields(record)
    rows = map(parse_row, record['operations'])
    milliseconds = dict(rows)
    if len(milliseconds) < len(record['operations']):
      raise ValueError('an operation is there twice')
    return cls(
      record['machine'],
      record['image_size'],
      milliseconds,
      record['threads'],
      record['libraries'],
      record['device'],
      float(record.get('factor', 1)),
    )

  def save(self, path: str | os.PathLike[str]) -> None:
    """Writes the file; it is there whole or not at all."""
    files.write(path, self.to_json())


def load(
  path: str | os.PathLike[str],
  image_size: tuple[int, int] | None = None,
  machine: str | None = None,
) -> LatencyTable:
  """Reads a table that was measured on this machine.

  Args:
    path: The file.
    image_size: Height and width that it has to be of; None for any.
    machine: Where it has to be from; None for `this_machine()`.

  Raises:
    UserError: If it is of another machine or size, or no table.
  """
  machine = this_machine() if machine is None else machine
  try:
    table = LatencyTable.from_json(files.read(path))
  except (OSError, ValueError) as error:
    reason = getattr(error, 'strerror', None) or error
    raise errors.UserError(
      f'The latency table {os.fspath(path)} cannot be used: {reason}.'
    ) from error
  errors.require(
    table.machine == machine,
    f'The latency table {os.fspath(path)} was measured on {table.machine}, and'
    f' this is {machine}: measure one here.',
  )
  errors.require(
    image_size is None or table.image_size == tuple(image_size),
    f'The latency table {os.fspath(path)} is of images of'
    f' {_size(table.image_size)} pixels, not of {_size(image_size or ())}:'
    ' measure one for that size.',
  )
  return table


def required_operations(
  layers: Iterable[derived_layers.DerivedLayers],
  genotypes: Iterable[genotype_lib.Genotype] | None = None,
) -> list[operations.Operation]:
  """What a table has to hold, sorted and each operation once.

  Args:
    layers: Of the widths that are wanted, such as
      `model.with_filter_multiplier(width).layers` for some widths.
    genotypes: Architectures of these spaces; None for all that there are.
  """
  found = set()

  def note(op: operations.Operation) -> tuple[float]:
    found.add(op)
    return (0.0,)

  genotypes = None if genotypes is None else tuple(genotypes)
  for of_width in layers:
    if genotypes is None:
      for padded in of_width.by_coarsest():
        cost_table.build(padded, note)
      continue
    for genotype in genotypes:
      of_width.space.check(genotype)
      for part in of_width.of(genotype).values():
        found.update(part)
  return sorted(found)


def this_machine() -> str:
  """Its processor and the number of its cores: 'Intel(R) Xeon(R), 8 cores'."""
  return f'{cpu_model()}, {os.cpu_count()} cores'


def cpu_model() -> str:
  """Its name, or its architecture where the system does not tell."""
  if CPU_INFO.is_file():
    for line in CPU_INFO.read_text(encoding='utf-8').splitlines():
      key, _, value = line.partition(':')
      if key.strip() == 'model name':
        return value.strip()
  return platform.processor() or platform.machine()


def _check_fields(record: Any) -> None:
  """Raises a ValueError unless a record has the fields of a table."""
  if not isinstance(record, dict):
    raise ValueError('it is no JSON object')
  for name, kind in _FIELDS.items():
    value = record.get(name)
    if not isinstance(value, kind) or isinstance(value, bool):
      raise ValueError(f'its "{name}" is missing or of another type')
  if record['version'] != VERSION:
    raise ValueError(
      f'its version is {record["version"]}, this release reads {VERSION}'
    )
  if type(record.get('factor', 1)) not in (int, float):
    raise ValueError('its "factor" is no number')
  if record['threads'] < 1:
    raise ValueError(f'its "threads" is {record["threads"]}')
  size = record['image_size']
  if len(size) != 2 or not all(type(side) is int and side > 0 for side in size):
    raise ValueError('its "image_size" is not [height, width]')


def parse_row(row: Any) -> tuple[operations.Operation, float]:
  """An operation and its milliseconds, of a row of a table.

  Raises:
    ValueError: If it is none.
  """
  kind, *numbers = row if isinstance(row, list) and len(row) == 9 else [None]
  is_known = isinstance(kind, str) and kind in operations.KINDS
  if (
    not is_known
    or not all(type(n) is int and n > 0 for n in numbers[:-1])
    or type(numbers[-1]) not in (int, float)
  ):
    raise ValueError(f'it has the row {str(row)[:60]}')
  return operations.Operation(kind, *numbers[:-1]), float(numbers[-1])


def _without_channels(op: operations.Operation) -> operations.Operation:
  return op._replace(in_channels=0, out_channels=0)


def _channels(op: operations.Operation) -> int:
  return op.in_channels + op.out_channels


def _area(op: operations.Operation) -> int:
  return op.in_channels * op.out_channels


def _fits_into(op: operations.Operation, other: operations.Operation) -> bool:
  """Whether it has no more channels than the other."""
  return (
    op.in_channels <= other.in_channels
    and op.out_channels <= other.out_channels
  )


def _size(size: tuple[int, ...]) -> str:
  return ' x '.join(map(str, size))
