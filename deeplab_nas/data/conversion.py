"""Converts a `Source` to TFRecord shards and `dataset.json`.

Shards are written under `.conversion/` of the output directory and move to
their names only when every pair of every split has passed its checks. A kill
at any moment leaves whole shards or none; the next run keeps the finished ones
whose inputs have not changed. `dataset.json` is written last, so a directory
that has it is complete.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import io
import json
import os
import pathlib
from collections.abc import Iterator, Sequence

import numpy as np
import tqdm
from absl import logging
from PIL import Image

from deeplab_nas import errors
from deeplab_nas.data import (
  dataset_info,
  findings,
  layouts,
  pairs,
  scan,
  shards,
)

STAGING = '.conversion'
_PLAN = 'plan.json'
_FORMAT = 1  # to be raised when the contents of shards change


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
class _Shard:
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


def convert(source: layouts.Source, output: Output) -> dataset_info.DatasetInfo:
  """Writes all splits of a source and returns their description.

  Raises:
    errors.UserError: With one sentence per problem; the output directory then
      still holds what it held before.
  """
  plan = _plan(source, output)
  _claim(source, output, plan)
  finished = {shard.name: _finished(shard, source) for shard in plan}
  todo = [shard for shard in plan if finished[shard.name] is None]
  if len(todo) < len(plan):
    logging.info(
      '%d of %d shards are up to date.', len(plan) - len(todo), len(plan)
    )
  problems = findings.Problems()
  num_pairs = sum(len(shard.pairs) for shard in todo)
  with contextlib.ExitStack() as stack:
    read = stack.enter_context(
      scan.reader(source.rules, num_pairs, output.workers)
    )
    bar = stack.enter_context(progress_bar(num_pairs))
    for shard in todo:
      finished[shard.name] = _write(shard, source, read, bar, problems)
  problems.log_notes()
  problems.raise_if_any(source.info.num_classes)
  info = describe(source, _counts_by_split(plan, finished), _totals(plan))
  _publish(plan, info, output)
  return info


def check(source: layouts.Source, workers: int = 0) -> dataset_info.DatasetInfo:
  """Does all checks of `convert` and writes nothing."""
  problems = findings.Problems()
  counts = {}
  num_pairs = sum(map(len, source.splits.values()))
  with contextlib.ExitStack() as stack:
    read = stack.enter_context(scan.reader(source.rules, num_pairs, workers))
    bar = stack.enter_context(progress_bar(num_pairs))
    for split, chosen in source.splits.items():
      counts[split] = findings.Counts()
      for example in read(chosen):
        bar.update()
        if _is_sound(example, problems):
          counts[split] += example.counts
  problems.log_notes()
  problems.raise_if_any(source.info.num_classes)
  return describe(source, counts, dict.fromkeys(counts, 0))


def samples(
  source: layouts.Source, count: int
) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
  """Some sound examples of a source as (name, image, label), as converted."""
  first = next(iter(source.splits.values()))
  for pair in pairs.shuffled(first)[:count]:
    example = scan.read_pair(pair, source.rules)
    if example.image is None or example.label is None:
      continue
    image = Image.open(io.BytesIO(example.image.encoded)).convert('RGB')
    label = Image.open(io.BytesIO(example.label))
    yield pair.name, np.asarray(image), np.asarray(label)


def describe(
  source: layouts.Source,
  counts: dict[str, findings.Counts],
  num_shards: dict[str, int],
) -> dataset_info.DatasetInfo:
  """The description of a converted source, after the checks of whole splits."""
  info, problems = source.info, findings.Problems()
  total = findings.Counts()
  for split, split_counts in counts.items():
    total += split_counts
    findings.check_split(split, split_counts, info, problems)
  findings.check_binary(total, info.ignore_label, source.rules.values, problems)
  problems.raise_if_any()
  train = [split for split in counts if split.startswith('train')]
  mean = counts[train[0]] if train else total
  return dataclasses.replace(
    info,
    mean_pixel=mean.mean_pixel(),
    splits={
      split: split_counts.split_info(
        num_shards[split], info.num_classes, info.ignore_label
      )
      for split, split_counts in counts.items()
    },
  )


def progress_bar(total: int) -> tqdm.tqdm:
  """A bar on a terminal, nothing in a log file."""
  return tqdm.tqdm(total=total, unit='image', disable=None, leave=False)


def _plan(source: layouts.Source, output: Output) -> list[_Shard]:
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
        _Shard(
          split,
          shards.shard_name(split, index, total),
          tuple(chosen[bounds[index] : bounds[index + 1]]),
          directory,
        )
      )
  return plan


def _totals(plan: Sequence[_Shard]) -> dict[str, int]:
  totals = {}
  for shard in plan:
    totals[shard.split] = totals.get(shard.split, 0) + 1
  return totals


def _claim(source: layouts.Source, output: Output, plan: list[_Shard]) -> None:
  """Makes the output directory ours, or refuses one that is another's."""
  directory = pathlib.Path(output.directory).expanduser()
  staging = directory / STAGING
  identity = {'data_dir': source.data_dir, 'shards': [s.name for s in plan]}
  path = staging / _PLAN
  known = _read_json(path)
  if known == identity:
    for unfinished in staging.glob('*.part'):
      unfinished.unlink()
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
  try:
    staging.mkdir(parents=True, exist_ok=True)
    for stale in staging.iterdir():
      stale.unlink()
    _write_text(path, json.dumps(identity))
  except OSError as error:
    raise errors.UserError(
      f'--output_dir={directory} cannot be written ({error.strerror}).'
    ) from error


def _read_json(path: pathlib.Path):
  """The contents of a file, None if it is missing or damaged."""
  try:
    return json.loads(path.read_text('utf-8'))
  except (OSError, ValueError):
    return None


def _fingerprint(shard: _Shard, source: layouts.Source) -> str:
  """Changes with the inputs of a shard and with everything that shapes it."""
  rules = dataclasses.asdict(source.rules)
  rules['colors'] = sorted(rules['colors'].items())
  files = []
  for pair in shard.pairs:
    for path in (pair.image, pair.mask):
      if path is None or not os.path.exists(path):
        files.append([pair.name, path])
        continue
      status = os.stat(path)
      files.append([pair.name, path, status.st_size, status.st_mtime_ns])
  text = json.dumps([_FORMAT, rules, files], sort_keys=True)
  return hashlib.sha256(text.encode('utf-8')).hexdigest()


def _finished(shard: _Shard, source: layouts.Source) -> findings.Counts | None:
  """The counts of a shard that is there and up to date, else None."""
  record = _read_json(shard.record)
  if not record or record['fingerprint'] != _fingerprint(shard, source):
    return None
  for path in (shard.staged, shard.final):
    if path.is_file():
      is_whole = path.stat().st_size == record['bytes']
      return findings.Counts(**record['counts']) if is_whole else None
  return None


def _is_sound(example: scan.Example, problems: findings.Problems) -> bool:
  """Adds the problems of an example to the others; whether it has none."""
  for sentence in example.problems:
    problems.add(sentence)
  if example.unknown:
    problems.add_unknown(example.pair.mask, example.unknown)
  if example.image is not None and example.image.note:
    problems.add_note(example.pair.image, example.image.note)
  return example.counts is not None


def _write(shard, source, read, bar, problems) -> findings.Counts:
  """Writes a shard to its staged name, unless there are problems by then."""
  # Imported late, so that the worker processes do without TensorFlow.
  import tensorflow as tf

  from deeplab_nas.data import example_schema

  fingerprint = _fingerprint(shard, source)
  counts = findings.Counts()
  temporary = shard.staged.with_name(f'{shard.name}.part')
  try:
    with tf.io.TFRecordWriter(str(temporary)) as writer:
      for example in read(shard.pairs):
        bar.update()
        if not _is_sound(example, problems) or problems:
          continue
        counts += example.counts
        image = example.image
        writer.write(
          example_schema.encode_example(
            example.pair.name,
            *(image.encoded, image.image_format, image.size),
            example.label,
          )
        )
    if not problems:
      _finish(shard, temporary, fingerprint, counts)
  except tf.errors.OpError as error:
    raise errors.UserError(
      f'{temporary} cannot be written ({error.message}).'
    ) from error
  finally:
    temporary.unlink(missing_ok=True)
  return counts


def _finish(shard, temporary, fingerprint: str, counts) -> None:
  """Gives a complete shard its staged name, and notes what is in it."""
  record = {
    'fingerprint': fingerprint,
    'bytes': temporary.stat().st_size,
    'counts': dataclasses.asdict(counts),
  }
  with open(temporary, 'rb') as written:
    os.fsync(written.fileno())
  # The old note goes first: it must not vouch for the new shard.
  shard.record.unlink(missing_ok=True)
  os.replace(temporary, shard.staged)
  _write_text(shard.record, json.dumps(record))


def _counts_by_split(plan, finished) -> dict[str, findings.Counts]:
  counts = {}
  for shard in plan:
    counts.setdefault(shard.split, findings.Counts())
    counts[shard.split] += finished[shard.name]
  return counts


def _publish(plan: list[_Shard], info, output: Output) -> None:
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
  for path in stale:  # Only with --overwrite; see `_claim`.
    path.unlink()
  for shard in staged:
    os.replace(shard.staged, shard.final)
  info.save(directory)


def _write_text(path: pathlib.Path, text: str) -> None:
  temporary = path.with_name(f'{path.name}.part')
  temporary.write_text(text, 'utf-8')
  os.replace(temporary, path)
