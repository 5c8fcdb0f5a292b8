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
import io
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
  staging,
)

Output = staging.Output


def convert(
  source: layouts.Source, output: staging.Output
) -> dataset_info.DatasetInfo:
  """Writes all splits of a source and returns their description.

  Raises:
    errors.UserError: With one sentence per problem; the output directory then
      still holds what it held before.
  """
  plan = staging.plan_shards(source, output)
  staging.claim(source, output, plan)
  finished = {
    shard.name: staging.finished_counts(shard, source) for shard in plan
  }
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
  staging.publish(plan, info, output)
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


def _totals(plan: Sequence[staging.Shard]) -> dict[str, int]:
  totals = {}
  for shard in plan:
    totals[shard.split] = totals.get(shard.split, 0) + 1
  return totals


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

  inputs = staging.fingerprint(shard, source)
  counts = findings.Counts()
  temporary = shard.staged.with_name(f'{shard.name}.part')
  try:
    with tf.io.TFRecordWriter(str(temporary)) as writer:
      for example in read(shard.pairs):
        bar.update()
        record = _record(example, problems)
        if not problems:
          writer.write(record)
          counts += example.counts
    if not problems:
      staging.finish(shard, temporary, inputs, counts)
  except tf.errors.OpError as error:
    raise errors.UserError(
      f'{temporary} cannot be written ({error.message}).'
    ) from error
  finally:
    temporary.unlink(missing_ok=True)
  return counts


def _record(example: scan.Example, problems: findings.Problems) -> bytes | None:
  """The record of an example, or None where that adds a problem.

  TensorFlow decodes the image once, as it will in training: it refuses some
  damage that Pillow overlooks.
  """
  import tensorflow as tf

  from deeplab_nas.data import example_schema

  if not _is_sound(example, problems):
    return None
  image = example.image
  try:
    example_schema.decode_image(tf.constant(image.encoded))
  except tf.errors.InvalidArgumentError:
    problems.add(
      f'{example.pair.image} is damaged in a way that TensorFlow cannot decode:'
      ' restore or remove it.'
    )
    return None
  return example_schema.encode_example(
    example.pair.name,
    *(image.encoded, image.image_format, image.size),
    example.label,
  )


def _counts_by_split(plan, finished) -> dict[str, findings.Counts]:
  counts = {}
  for shard in plan:
    counts.setdefault(shard.split, findings.Counts())
    counts[shard.split] += finished[shard.name]
  return counts
