"""The output directory of a conversion: shards staged, kept and published.

Shards are written under `.conversion/` of the output directory. There each has
a note of its inputs and its size, so that a later run can tell which shards
are finished and up to date. All move to their names together.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import os
import pathlib
from collections.abc import Iterator, Sequence
from typing import Any

from deeplab_nas import errors, folder_lock, safe_json
from deeplab_nas import files as whole_file
from deeplab_nas.data import dataset_info, findings, layouts, pairs, shards

STAGING = '.conversion'
_PLAN = 'plan.json'
# To be raised when the contents of shards, or what is counted of them, change.
_FORMAT = 4


@dataclasses.dataclass(frozen=True)
class Output:
  """Where and how to write.

  Attributes:
    directory: Created if needed.
    num_shards: Shards per split; fewer where there are fewer examples.
    workers: Worker processes; 0 chooses.
    overwrite: Whether shards of another dataset may be replaced.
  """

  directory: str
  num_shards: int = 4
  workers: int = 0
  overwrite: bool = False

  def __post_init__(self):
    if not 1 <= self.num_shards <= 99999:
      raise errors.UserError(f'--num_shards={self.num_shards} is not 1..99999.')


@dataclasses.dataclass(frozen=True)
class Shard:
  """A shard to be written, and its place before and after the checks."""

  split: str
  name: str
  pairs: tuple[pairs.Pair, ...]
  directory: pathlib.Path

  @property
  def final(self) -> pathlib.Path:
    return self.directory / self.name

  @property
  def staged(self) -> pathlib.Path:
    return self.directory / STAGING / self.name

  @property
  def record(self) -> pathlib.Path:
    """Fingerprint of the inputs, size and counts of the finished shard."""
    return self.directory / STAGING / f'{self.name}.json'


def plan_shards(source: layouts.Source, output: Output) -> list[Shard]:
  """All shards; training examples are scattered, others keep their order."""
  directory = pathlib.Path(output.directory).expanduser()
  plan = []
  if not source.splits:
    raise errors.UserError('No splits are named: use --splits=train,val.')
  for split, chosen in source.splits.items():
    if not chosen:
      raise errors.UserError(f'Split {split} of {source.data_dir} is empty.')
    if split.startswith('train'):
      chosen = pairs.shuffled(chosen)
    total = min(output.num_shards, len(chosen))
    bounds = [len(chosen) * index // total for index in range(total + 1)]
    for index in range(total):
      plan.append(
        Shard(
          split,
          shards.shard_name(split, index, total),
          tuple(chosen[bounds[index] : bounds[index + 1]]),
          directory,
        )
      )
  return plan


def lock(output: Output) -> folder_lock.FolderLock | None:
  """Creates the output directory and keeps other processes from it.

  Returns:
    The lock, to be held until the shards are published; None where the system
    has none.

  Raises:
    UserError: If another process has it, or it cannot be created.
  """
  directory = pathlib.Path(output.directory).expanduser()
  with _explained(directory):
    directory.mkdir(parents=True, exist_ok=True)
    return folder_lock.take(directory)


def claim(source: layouts.Source, output: Output, plan: list[Shard]) -> None:
  """Makes the output directory ours, or refuses one that is another's."""
  directory = pathlib.Path(output.directory).expanduser()
  staging = directory / STAGING
  identity = _identity(source, plan)
  path = staging / _PLAN
  known = _read_json(path, ['data_dir', 'shards'])
  if all(known.get(key) == identity[key] for key in ('data_dir', 'shards')):
    with _explained(directory):
      for unfinished in staging.glob('*.part'):
        unfinished.unlink()
      whole_file.write(path, json.dumps(identity))
    return
  present = shards.splits_in(directory) if directory.is_dir() else {}
  if (present or known) and not output.overwrite:
    owner = known['data_dir'] if known else 'another program or dataset'
    names = ', '.join(sorted(present)) or 'none yet'
    raise errors.UserError(
      f'--output_dir={directory} holds shards of {owner} (splits: {names})'
      ' that this run would not write the same way: choose another directory'
      ' or pass --overwrite.'
    )
  with _explained(directory):
    staging.mkdir(parents=True, exist_ok=True)
    for stale in staging.iterdir():
      stale.unlink()
    whole_file.write(path, json.dumps(identity))


def require_claim(
  source: layouts.Source, output: Output, plan: list[Shard]
) -> None:
  """Raises a UserError if another process has claimed the directory since.

  Where a folder cannot be locked, as on some network file systems, this keeps
  two conversions from mixing their shards.
  """
  directory = pathlib.Path(output.directory).expanduser()
  identity = _identity(source, plan)
  if _read_json(directory / STAGING / _PLAN, list(identity)) != identity:
    raise errors.UserError(
      f'Another conversion has begun to write to --output_dir={directory} with'
      ' other data or options: wait for its end, or choose another directory.'
    )


def _identity(source: layouts.Source, plan: list[Shard]) -> dict[str, Any]:
  """What tells conversions into one directory apart."""
  options = [_FORMAT, source.info.class_names, _rules(source)]
  names = [[shard.split, [x.name for x in shard.pairs]] for shard in plan]
  return {
    'data_dir': source.data_dir,
    'shards': [shard.name for shard in plan],
    'options': _digest([*options, source.info.palette, names]),
  }


def _rules(source: layouts.Source) -> dict[str, Any]:
  rules = dataclasses.asdict(source.rules)
  rules['colors'] = sorted(rules['colors'].items())
  return rules


def _digest(value: Any) -> str:
  text = json.dumps(value, sort_keys=True)
  return hashlib.sha256(text.encode('utf-8')).hexdigest()


@contextlib.contextmanager
def _explained(directory: pathlib.Path) -> Iterator[None]:
  try:
    yield
  except OSError as error:
    raise errors.UserError(
      f'--output_dir={directory} cannot be written ({error.strerror}).'
    ) from error


def _read_json(path: pathlib.Path, keys: Sequence[str]) -> dict[str, Any]:
  """The record in a file, empty if it is missing, damaged or lacks a key."""
  try:
    record = safe_json.parse(path.read_text('utf-8'))
    return record if record.keys() >= set(keys) else {}
  except (OSError, ValueError, AttributeError):
    return {}


def fingerprint(shard: Shard, source: layouts.Source) -> str:
  """Changes with the inputs of a shard and with everything that shapes it."""
  files = []
  for pair in shard.pairs:
    for path in (pair.image, pair.mask):
      if path is None or not os.path.exists(path):
        files.append([pair.name, path])
        continue
      status = os.stat(path)
      files.append([pair.name, path, status.st_size, status.st_mtime_ns])
  return _digest([_FORMAT, _rules(source), files])


def finished_counts(
  shard: Shard, source: layouts.Source
) -> findings.Counts | None:
  """The counts of a shard that is there and up to date, else None."""
  record = _read_json(shard.record, ['fingerprint', 'bytes', 'counts'])
  if not record or record['fingerprint'] != fingerprint(shard, source):
    return None
  for path in (shard.staged, shard.final):
    if path.is_file():
      is_whole = path.stat().st_size == record['bytes']
      return findings.Counts(**record['counts']) if is_whole else None
  return None


def finish(
  shard: Shard, temporary: pathlib.Path, inputs: str, counts: findings.Counts
) -> None:
  """Gives a complete shard its staged name, and notes what is in it."""
  record = {
    'fingerprint': inputs,
    'bytes': temporary.stat().st_size,
    'counts': dataclasses.asdict(counts),
  }
  whole_file.flush(temporary)
  # The old note goes first: it must not vouch for the new shard.
  shard.record.unlink(missing_ok=True)
  os.replace(temporary, shard.staged)
  whole_file.write(shard.record, json.dumps(record))


def publish(plan: list[Shard], info, output: Output) -> None:
  """Moves the staged shards to their names; removes stale ones of old plans."""
  directory = pathlib.Path(output.directory).expanduser()
  staged = [shard for shard in plan if shard.staged.is_file()]
  ours = {shard.name for shard in plan}
  stale = [
    path
    for paths in shards.splits_in(directory).values()
    for path in paths
    if path.name not in ours
  ]
  if staged or stale:
    (directory / dataset_info.FILE_NAME).unlink(missing_ok=True)
  for path in stale:  # Only with --overwrite; see `claim`.
    path.unlink()
  for shard in staged:
    os.replace(shard.staged, shard.final)
  info.save(directory)
