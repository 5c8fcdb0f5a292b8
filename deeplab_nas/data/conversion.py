"""Converts a `Source` to TFRecord shards and `dataset.json`.

Shards are written under `.conversion/` of the output directory and move to
their names only when every pair of every split has passed its checks. A kill
at any moment leaves whole shards or none; the next run keeps the finished ones
whose inputs have not changed. `dataset.json` is written last, so a directory
that has it is complete.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import dataclasses
import io
import itertools
from collections.abc import Iterator, Sequence

import numpy as np
import tqdm
from absl import logging
from PIL import Image

from deeplab_nas import errors
from deeplab_nas.data import (
  checked_pair,
  dataset_info,
  evidence,
  findings,
  layouts,
  pairs,
  scan,
  staging,
)

Output = staging.Output
_TRIED_AHEAD = 2  # images that are decoded per thread


def convert(
  source: layouts.Source, output: staging.Output
) -> dataset_info.DatasetInfo:
  """Writes all splits of a source and returns their description.

  Raises:
    errors.UserError: With one sentence per problem; the output directory then
      still holds what it held before.
  """
  problems = _problems_of(source)
  plan = staging.plan_shards(source, output)
  lock = staging.lock(output)
  staging.claim(source, output, plan)
  finished = {
    shard.name: staging.finished_counts(shard, source) for shard in plan
  }
  todo = [shard for shard in plan if finished[shard.name] is None]
  if len(todo) < len(plan):
    logging.info(
      '%d of %d shards are up to date.', len(plan) - len(todo), len(plan)
    )
  for counts in filter(None, finished.values()):
    problems.add_known(i for i, n in enumerate(counts.histogram) if n)
  # Before any file is read, so that a later change of one shows.
  inputs = [staging.fingerprint(shard, source) for shard in todo]
  chosen = [pair for shard in todo for pair in shard.pairs]
  with contextlib.ExitStack() as stack:
    examples = stack.enter_context(_examples(source, chosen, output.workers))
    threads = scan.num_workers(len(chosen), output.workers)
    tried = stack.enter_context(_tried(examples, threads))
    for shard, fingerprint in zip(todo, inputs):
      finished[shard.name] = _write(shard, fingerprint, tried, problems)
  problems.log_notes()
  problems.raise_if_any(source.info.num_classes)
  info = describe(source, _counts_by_split(plan, finished), _totals(plan))
  staging.require_claim(source, output, plan)
  staging.publish(plan, info, output)
  del lock  # held until here
  return info


def check(source: layouts.Source, workers: int = 0) -> dataset_info.DatasetInfo:
  """Does all checks of `convert` and writes nothing."""
  problems = _problems_of(source)
  counts = {}
  everything = list(itertools.chain(*source.splits.values()))
  with _examples(source, everything, workers) as examples:
    for split, chosen in source.splits.items():
      counts[split] = findings.Counts()
      for example in itertools.islice(examples, len(chosen)):
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
    example = checked_pair.read(pair, source.rules, source.max_pixels)
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
  for split_counts in counts.values():
    total += split_counts
  findings.check_binary(total, info.ignore_label, source.rules.values, problems)
  problems.raise_if_any()
  for split, split_counts in counts.items():
    findings.check_split(split, split_counts, info, problems)
  evidence.check(total, info.num_classes, source.rules, problems)
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


def _problems_of(source: layouts.Source) -> findings.Problems:
  """Where problems are collected, after those that need no file are raised."""
  problems = findings.Problems()
  findings.check_classes(source.info, problems)
  problems.raise_if_any()
  return problems


@contextlib.contextmanager
def _examples(
  source: layouts.Source, chosen: Sequence[pairs.Pair], workers: int
) -> Iterator[Iterator[checked_pair.CheckedPair]]:
  """The examples of all pairs, in order, under a bar."""
  with scan.reader(
    source.rules, len(chosen), workers, source.max_pixels
  ) as read:
    examples = read(chosen)
    with progress_bar(len(chosen)) as bar:
      yield _counted(examples, bar)


def _counted(examples, bar: tqdm.tqdm) -> Iterator[checked_pair.CheckedPair]:
  for example in examples:
    bar.update()
    yield example


def _totals(plan: Sequence[staging.Shard]) -> dict[str, int]:
  totals = {}
  for shard in plan:
    totals[shard.split] = totals.get(shard.split, 0) + 1
  return totals


def _is_sound(
  example: checked_pair.CheckedPair, problems: findings.Problems
) -> bool:
  """Adds the problems of an example to the others; whether it has none."""
  for sentence in example.problems:
    problems.add(sentence)
  problems.add_known(example.values)
  if example.unknown:
    problems.add_unknown(example.pair.mask, example.unknown, example.likely)
  if example.image is not None and example.image.note:
    problems.add_note(example.pair.image, example.image.note)
  return example.counts is not None


@contextlib.contextmanager
def _tried(
  examples: Iterator[checked_pair.CheckedPair], num_threads: int
) -> Iterator[Iterator[tuple[checked_pair.CheckedPair, list[str]]]]:
  """Examples with their files that TensorFlow cannot decode, in order."""
  # Imported late, so that the worker processes do without TensorFlow, and have
  # begun to read when it comes; and before there are threads.
  from deeplab_nas.data import example_schema  # noqa: F401

  if num_threads == 1:
    yield ((example, _refused(example)) for example in examples)
    return
  with concurrent.futures.ThreadPoolExecutor(num_threads) as threads:
    yield scan.map_in_order(
      threads,
      lambda example: (example, _refused(example)),
      examples,
      _TRIED_AHEAD * num_threads,
    )


def _write(shard, inputs: str, tried, problems) -> findings.Counts:
  """Writes a shard to its staged name, unless there are problems by then."""
  import tensorflow as tf

  counts = findings.Counts()
  temporary = shard.staged.with_name(f'{shard.name}.part')
  try:
    with tf.io.TFRecordWriter(str(temporary)) as writer:
      for example, refused in itertools.islice(tried, len(shard.pairs)):
        record = _record(example, refused, problems)
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


def _record(
  example: checked_pair.CheckedPair,
  refused: list[str],
  problems: findings.Problems,
) -> bytes | None:
  """The record of an example, or None where that adds a problem."""
  from deeplab_nas.data import example_schema

  if not _is_sound(example, problems):
    return None
  for path in refused:
    problems.add(
      f'{path} is damaged in a way that TensorFlow cannot decode: restore or'
      ' remove it.'
    )
  if refused:
    return None
  image = example.image
  return example_schema.encode_example(
    example.pair.name,
    image.encoded,
    image.image_format,
    image.size,
    example.label,
  )


def _refused(example: checked_pair.CheckedPair) -> list[str]:
  """Files that go into the record as they are, and cannot be used in training.

  TensorFlow decodes them once, as it will then: it refuses some damage that
  Pillow overlooks.
  """
  import tensorflow as tf

  from deeplab_nas.data import example_schema

  files = []
  image = example.image
  if image is not None and (image.is_kept or image.image_format == 'jpeg'):
    decode = example_schema.decode_image
    files.append((example.pair.image, decode, example.image.encoded))
  if example.is_label_kept:
    files.append((example.pair.mask, tf.io.decode_png, example.label))
  refused = []
  for path, decode, contents in files:
    try:
      decode(tf.constant(contents))
    except tf.errors.InvalidArgumentError:
      refused.append(path)
  return refused


def _counts_by_split(plan, finished) -> dict[str, findings.Counts]:
  counts = {}
  for shard in plan:
    counts.setdefault(shard.split, findings.Counts())
    counts[shard.split] += finished[shard.name]
  return counts
