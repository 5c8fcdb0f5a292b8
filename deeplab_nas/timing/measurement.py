"""Times what a table of latencies needs, in portions that survive a kill.

A portion is timed in a second or two, and noted at once in a file beside the
table, `<name>.samples`: a line of JSON with the place of the measurement, then
one for each portion. Whoever starts again goes on after the last whole line.
Every operation is timed in several rounds, minutes apart and each time among
others, so that a short disturbance is outvoted: its time is the median.
"""

from __future__ import annotations

import dataclasses
import importlib.metadata
import json
import os
import pathlib
import random
import statistics
import time
from collections.abc import Iterable, Iterator, Sequence

import tensorflow as tf
import tqdm
from absl import logging

from deeplab_nas import errors, files, safe_json
from deeplab_nas.data import scan
from deeplab_nas.nn.network import winograd
from deeplab_nas.space import latency, operations
from deeplab_nas.timing import networks, stopwatch

SUFFIX = '.samples'
_PACKAGES = ('tensorflow', 'numpy')
_PORTION = 40  # operations
_PORTION_BYTES = 2**29  # of weights and outputs

Portion = list[operations.Operation]


@dataclasses.dataclass(frozen=True)
class Place:
  """Where and how times were measured: equal ones may stand in one table.

  Attributes: see `latency.LatencyTable`.
  """

  machine: str
  device: str
  threads: int
  libraries: dict[str, str]
  image_size: tuple[int, int]

  @classmethod
  def here(cls, image_size: tuple[int, int], threads: int = 0) -> Place:
    """This machine.

    Args:
      image_size: Height and width.
      threads: 0 for as many as there are cores.
    """
    versions = {name: importlib.metadata.version(name) for name in _PACKAGES}
    return cls(
      latency.this_machine(),
      'CPU',
      threads or scan.num_cores(),
      versions,
      tuple(image_size),
    )

  @classmethod
  def of(cls, table: latency.LatencyTable) -> Place:
    names = [field.name for field in dataclasses.fields(cls)]
    return cls(**{name: getattr(table, name) for name in names})

  def table(
    self, milliseconds: dict[operations.Operation, float]
  ) -> latency.LatencyTable:
    place = {x.name: getattr(self, x.name) for x in dataclasses.fields(self)}
    return latency.LatencyTable(milliseconds=milliseconds, **place)

  def require_equal(self, other: Place, path: str | os.PathLike[str]) -> None:
    """Refuses a file of another place.

    Raises:
      UserError: If anything differs; says what.
    """
    for field in dataclasses.fields(self):
      here, there = getattr(self, field.name), getattr(other, field.name)
      errors.require(
        here == there,
        f'{os.fspath(path)} was measured with {field.name.replace("_", " ")}'
        f' {_text(there)}, and this would be {_text(here)}: give another'
        ' --output, or --overwrite to start anew.',
      )


@dataclasses.dataclass(frozen=True)
class Measurement:
  """What to time, how often, and where the table goes.

  Attributes:
    ops: The operations that the table has to hold.
    place: Of this process.
    path: File of the table.
    repeats: Timed runs of a portion.
    rounds: How often each operation is timed in such runs.
  """

  ops: Sequence[operations.Operation]
  place: Place
  path: pathlib.Path
  repeats: int = 20
  rounds: int = 3

  def run(self) -> latency.LatencyTable:
    """Times what neither the table nor an earlier start has; writes the table.

    Raises:
      UserError: If the file or what is beside it is of another place.
    """
    missing = self.missing()
    if missing:
      known = self._known()
      samples = self._sampled(missing)
      known.update({op: statistics.median(samples[op]) for op in missing})
      self.place.table(known).save(self.path)  # its factor has to be new too
    self.samples_path.unlink(missing_ok=True)
    return self._table()

  def missing(self) -> list[operations.Operation]:
    """What is not in the table yet.

    Raises:
      UserError: If the file is of another place.
    """
    known = self._known()
    return [op for op in self.ops if op not in known]

  def forget(self) -> None:
    """Removes the table and what was noted beside it."""
    for path in (self.path, self.samples_path):
      path.unlink(missing_ok=True)

  @property
  def samples_path(self) -> pathlib.Path:
    return self.path.with_name(self.path.name + SUFFIX)

  def _known(self) -> dict[operations.Operation, float]:
    """What the table holds already."""
    return dict(self._table().milliseconds)

  def _table(self) -> latency.LatencyTable:
    """What the file holds; empty if there is none."""
    if not self.path.exists():
      return self.place.table({})
    table = latency.load(self.path, self.place.image_size, self.place.machine)
    self.place.require_equal(Place.of(table), self.path)
    return table

  def _sampled(self, ops: Sequence[operations.Operation]):
    """`rounds` samples of each operation, old and new."""
    samples = {op: [] for op in ops}
    for op, ms in self._noted():
      if op in samples:
        samples[op].append(ms)
    total = self.rounds * len(ops)
    done = sum(min(len(x), self.rounds) for x in samples.values())
    if done:
      logging.info('%d of %d measurements are there already.', done, total)
    bar = tqdm.tqdm(
      total=total, initial=done, unit='op', disable=None, leave=False
    )
    with bar, open(self.samples_path, 'a', encoding='utf-8') as file:
      for portion in self._portions(samples):
        times = _times(portion, self.place.image_size, self.repeats)
        file.write(json.dumps([[*op, ms] for op, ms in times.items()]) + '\n')
        file.flush()
        os.fsync(file.fileno())
        for op, ms in times.items():
          samples[op].append(ms)
        bar.update(len(times))
    return samples

  def _portions(self, samples) -> Iterator[Portion]:
    for number in range(self.rounds):
      lacking = [op for op, found in samples.items() if len(found) <= number]
      random.Random(number).shuffle(lacking)
      yield from cut(lacking)

  def _noted(self) -> Iterator[tuple[operations.Operation, float]]:
    """Operations and their times, of the whole lines that an end left."""
    path = self.samples_path
    head = json.dumps(dataclasses.asdict(self.place))
    content = path.read_bytes() if path.exists() else b''
    whole, _, _ = content.rpartition(b'\n')
    lines = whole.decode('utf-8', 'replace').splitlines()
    try:
      place, *portions = map(safe_json.parse, lines or [head])
      place = Place(**{**place, 'image_size': tuple(place['image_size'])})
      found = [latency.parse_row(row) for rows in portions for row in rows]
    except (ValueError, TypeError, KeyError) as error:
      raise errors.UserError(
        f'{path} cannot be continued, it is damaged: remove it, or start anew'
        ' with --overwrite.'
      ) from error
    self.place.require_equal(place, path)
    files.write(path, '\n'.join(lines or [head]) + '\n')
    return iter(found)


def _times(
  ops: Portion, image_size: tuple[int, int], repeats: int
) -> dict[operations.Operation, float]:
  """Milliseconds of the operations of a portion."""
  outside = [op for op in ops if networks.is_of_surroundings(op, image_size)]
  found = {
    op: _called(networks.build_surroundings(op, image_size), repeats)
    for op in outside
  }
  inside = [op for op in ops if op not in found]
  if inside:
    found.update(stopwatch.measure(inside, repeats, winograd.pays()))
  return found


def _called(call: networks.Call, repeats: int) -> float:
  """The median of some calls, in milliseconds."""
  for _ in range(stopwatch.WARM_UP_RUNS):
    call()
  return statistics.median(milliseconds(call) for _ in range(repeats))


def milliseconds(call: networks.Call) -> float:
  """How long one call takes; on one thread, of the processor's time.

  That is what it takes with a core to itself, whoever else wants the core.
  """
  is_alone = tf.config.threading.get_intra_op_parallelism_threads() == 1
  clock = time.process_time if is_alone else time.perf_counter
  start = clock()
  call()
  return 1e3 * (clock() - start)


def cut(ops: Iterable[operations.Operation]) -> Iterator[Portion]:
  """Portions that fit into the memory."""
  portion, size = [], 0
  for op in ops:
    cost = operations.count(op)
    needed = cost.activation_bytes + 4 * cost.params
    if portion and (len(portion) == _PORTION or size + needed > _PORTION_BYTES):
      yield portion
      portion, size = [], 0
    portion.append(op)
    size += needed
  if portion:
    yield portion


def _text(value) -> str:
  if isinstance(value, dict):
    return ', '.join(f'{name} {version}' for name, version in value.items())
  return ' x '.join(map(str, value)) if isinstance(value, tuple) else str(value)
