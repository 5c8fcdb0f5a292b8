"""Checks written shards: readable, complete, as dataset.json says."""

from __future__ import annotations

import concurrent.futures
import contextlib
import dataclasses
import os
from collections.abc import Iterator

import numpy as np
import tensorflow as tf

from deeplab_nas import errors
from deeplab_nas.data import (
  conversion,
  dataset_info,
  example_schema,
  findings,
  shards,
)

_CHUNK = 32  # records decoded side by side


@dataclasses.dataclass(frozen=True)
class Finding:
  """What is to be said of a record.

  Attributes:
    name: Of the example; '' where it cannot be read.
    problem: Why the record is of no use; None if it is.
    counts: Its pixels, if it can be read.
    unknown: Pixels by label that is no class.
    is_whole_shard: Whether nothing after it can be read either.
  """

  name: str
  problem: str | None = None
  counts: findings.Counts | None = None
  unknown: dict[str, int] = dataclasses.field(default_factory=dict)
  is_whole_shard: bool = False


def check_records(
  dataset_dir: str | os.PathLike, known: str | None = None
) -> dataset_info.DatasetInfo:
  """Decodes every record of a directory and judges what it finds.

  Args:
    dataset_dir: Directory of the shards.
    known: Name of the dataset if there is no `dataset.json`.

  Returns:
    The description with the counts that were found.

  Raises:
    errors.UserError: With one sentence per problem.
  """
  info = dataset_info.DatasetInfo.load(dataset_dir, known)
  paths = {
    split: shards.find(dataset_dir, split)
    for split in shards.splits_in(dataset_dir).keys() | info.splits.keys()
  }
  if not paths:
    raise errors.UserError(f'{dataset_dir} holds no shards.')
  problems = findings.Problems()
  findings.check_classes(info, problems)
  counts = {split: findings.Counts() for split in sorted(paths)}
  places = {}
  total = sum(shards.count_records(p) for part in paths.values() for p in part)
  with conversion.progress_bar(total) as bar:
    for split in counts:
      for path in paths[split]:
        for finding in inspect_shard(path, info):
          bar.update()
          _judge(finding, path, problems, places, split)
          if finding.counts:
            counts[split] += finding.counts
  problems.raise_if_any(info.num_classes)
  found = {
    split: split_counts.split_info(
      len(paths[split]), info.num_classes, info.ignore_label
    )
    for split, split_counts in counts.items()
  }
  for split, split_info in found.items():
    _compare(split, split_info, info.splits.get(split), problems)
    findings.check_split(split, counts[split], info, problems)
  problems.raise_if_any()
  return dataclasses.replace(info, splits=found)


def require_sound(
  dataset_dir: str | os.PathLike, split: str, info: dataset_info.DatasetInfo
) -> None:
  """Raises a UserError on the first bad record of a split, if there is one."""
  for path in shards.find(dataset_dir, split):
    problems = findings.Problems()
    for number, finding in enumerate(inspect_shard(path, info), 1):
      _judge(finding, f'{path}, record {number}', problems, {}, split)
      problems.raise_if_any(info.num_classes)


def samples(
  dataset_dir: str | os.PathLike,
  split: str,
  info: dataset_info.DatasetInfo,
  count: int,
) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
  """The first examples of a split as (name, image, label)."""
  paths = [os.fspath(path) for path in shards.find(dataset_dir, split)]
  for record in tf.data.TFRecordDataset(paths).take(count):
    example = example_schema.parse_example(record, info.ignore_label)
    yield (
      example['filename'].numpy().decode('utf-8', 'replace'),
      example['image'].numpy(),
      example['label'].numpy(),
    )


def inspect_shard(
  path: str | os.PathLike, info: dataset_info.DatasetInfo
) -> Iterator[Finding]:
  """Findings of the records of a shard, decoded in parallel threads."""
  chunks = tf.data.TFRecordDataset(os.fspath(path)).batch(_CHUNK)
  position = 0
  with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as threads:
    try:
      for chunk in chunks.as_numpy_iterator():
        yield from threads.map(lambda data: inspect(data, info), chunk)
        position += len(chunk)
    except tf.errors.DataLossError:
      yield Finding(
        '',
        f'{path} is damaged in record {_damaged_record(path, position)} of'
        f' {shards.count_records(path)} (wrong checksum): {shards.REMEDY}.',
        is_whole_shard=True,
      )


def _damaged_record(path, position: int) -> int:
  """Number, from 1, of the first record that cannot be read."""
  records = iter(tf.data.TFRecordDataset(os.fspath(path)).skip(position))
  with contextlib.suppress(tf.errors.DataLossError):
    for _ in records:
      position += 1
  return position + 1


def inspect(record: bytes, info: dataset_info.DatasetInfo) -> Finding:
  """Decodes one record."""
  try:
    features = example_schema.parse_features(record)
  except example_schema.REFUSALS:
    return Finding('', f'a record lacks {example_schema.IMAGE}')
  name = features[example_schema.FILE_NAME].numpy().decode('utf-8', 'replace')
  try:
    example = example_schema.decode(features, info.ignore_label)
  except example_schema.REFUSALS as error:
    reason = getattr(error, 'message', 'damaged')
    return Finding(name, f'{name} cannot be decoded ({reason})')
  image, label = example['image'].numpy(), example['label'].numpy()
  if image.shape[:2] != label.shape:
    return Finding(
      name,
      f'{name} has an image of {image.shape[0]} x {image.shape[1]} and a'
      f' label of {label.shape[0]} x {label.shape[1]} pixels',
    )
  histogram = np.bincount(label.ravel(), minlength=256)
  unknown = {
    str(value): int(histogram[value])
    for value in np.flatnonzero(histogram)
    if value >= info.num_classes and value != info.ignore_label
  }
  has_label = bool(example['has_label'])
  counts = findings.Counts(
    num_examples=1,
    max_size=label.shape,
    min_size=label.shape,
    largest_image=label.shape,
    histogram=tuple((histogram * has_label).tolist()),
    num_masks=int(has_label),
    num_blank=int(has_label and histogram[info.ignore_label] == label.size),
  )
  return Finding(name, None, counts, unknown)


def _judge(finding: Finding, path, problems, places, split: str) -> None:
  """Adds the problems of a record, and a name that occurs twice."""
  if finding.problem:
    sentence = f'{path}: {finding.problem}: {shards.REMEDY}.'
    problems.add(finding.problem if finding.is_whole_shard else sentence)
  if finding.unknown:
    problems.add_unknown(f'{path}: {finding.name}', finding.unknown)
  if not finding.name:
    return
  other = places.setdefault(finding.name, split)
  is_clash = other != split and 'train' in (other, split)
  if is_clash and not {other, split} & {'trainval'}:
    problems.add(
      f'{path}: {finding.name} is also in split {other}: name each image in'
      ' one split and convert again.'
    )


def _compare(split: str, found, expected, problems: findings.Problems) -> None:
  """Compares what was found with what dataset.json says."""
  if expected is None or found == expected:
    return
  for field in dataclasses.fields(found):
    is_value = getattr(found, field.name)
    said = getattr(expected, field.name)
    if said is not None and is_value != said:  # None: of an earlier release
      problems.add(
        f'Split {split} has {field.name} {_short(is_value)}, but'
        f' dataset.json says {_short(said)}: convert the data again.'
      )


def _short(value) -> str:
  return str(list(value) if isinstance(value, tuple) else value)
