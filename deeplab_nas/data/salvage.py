"""What can still be read where records are damaged.

    with salvage.sound(data_dir, info, ['train', 'val'], limit=10) as folder:
      ...  # every record in folder can be read

All records are read at the start, and not passed over when they come: so an
epoch has a known length, and every one the same records.
"""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import os
import pathlib
import shutil
import tempfile
from collections.abc import Iterator, Sequence

import tensorflow as tf
from absl import logging

from deeplab_nas import errors, wording
from deeplab_nas.data import check, dataset_info, shards

_NUM_TOLD = 5
# In the place of records whose number is not known.
_TAIL = object()


@contextlib.contextmanager
def sound(
  data_dir: str | os.PathLike,
  info: dataset_info.DatasetInfo,
  splits: Sequence[str],
  limit: int,
) -> Iterator[str]:
  """A folder like `data_dir`, without the records that cannot be read.

  It has links to shards that are whole and copies of what is left of the
  others, and is removed at the end.

  Args:
    data_dir: Folder of the shards.
    info: What they should be.
    splits: Those that will be read; '' is passed over.
    limit: How many records may be left out, of all splits together.

  Raises:
    UserError: If there are more, or a shard is missing.
  """
  losses = _Losses(limit)
  left = dict(info.splits)
  with tempfile.TemporaryDirectory(prefix='deeplab_nas_records_') as folder:
    for split in dict.fromkeys(filter(None, splits)):
      logging.info('Looking for damaged records in split %s ...', split)
      damaged_before = losses.num_records
      tails = []
      num_found = sum(
        _salvaged(path, pathlib.Path(folder, path.name), info, losses, tails)
        for path in shards.listed(data_dir, split)
      )
      rest = ' and '.join(tails) or f'{data_dir}, further ones of split {split}'
      num_gone = len(tails)  # at least, if nobody knows better
      if split in info.splits:
        said = info.splits[split].num_examples
        num_gone = said - num_found - (losses.num_records - damaged_before)
        errors.require(
          num_gone >= 0,
          f'Split {split} of {data_dir} has'
          f' {wording.counted(said - num_gone, "example")}, but'
          f' {dataset_info.FILE_NAME} says {said}: convert the data again.',
        )
        left[split] = dataclasses.replace(left[split], num_examples=num_found)
      losses.add(rest, num_gone)
    if losses.num_records:
      logging.warning(
        '%d records are damaged and left out, of at most %d.',
        losses.num_records,
        limit,
      )
    dataclasses.replace(info, splits=left).save(folder)
    yield folder


class _Losses:
  """Counts the records that are left out.

  Attributes:
    num_records: So far.
  """

  def __init__(self, limit: int):
    self.num_records = 0
    self._limit = limit

  def add(self, what: str, num_records: int = 1) -> None:
    """Raises a UserError if this is more than may be left out."""
    if not num_records:
      return
    self.num_records += num_records
    errors.require(
      self.num_records <= self._limit,
      f'At least {self.num_records} records are damaged or gone, the last of'
      f' them {what}, and data.skip_corrupt_records is {self._limit}: convert'
      ' the data again, or allow for more.',
    )
    if self.num_records <= _NUM_TOLD:
      logging.warning('Left out: %s.', what)


def _salvaged(
  path: pathlib.Path,
  target: pathlib.Path,
  info: dataset_info.DatasetInfo,
  losses: _Losses,
  tails: list[str],
) -> int:
  """Has the sound records of a shard at `target`; returns their number.

  Adds to `tails` where from nothing can be read.
  """
  if _is_sound(path, info):
    target.symlink_to(path.resolve())
    return shards.count_records(path)
  num_found = 0
  with tf.io.TFRecordWriter(os.fspath(target)) as writer:
    for number, record in enumerate(_records(path, target), 1):
      if record is _TAIL:
        tails.append(f'{path}, all from record {number} on')
        continue
      problem = 'wrong checksum'
      if record is not None:
        problem = check.inspect(record, info).problem
      if problem:
        losses.add(f'{path}, record {number} ({problem})')
      else:
        writer.write(record)
        num_found += 1
  return num_found


def _is_sound(path: pathlib.Path, info: dataset_info.DatasetInfo) -> bool:
  try:
    shards.count_records(path)  # TensorFlow takes half a header for the end
    return not any(found.problem for found in check.inspect_shard(path, info))
  except errors.UserError:  # cut off
    return False


def _records(
  path: pathlib.Path, target: pathlib.Path
) -> Iterator[bytes | None | object]:
  """The records of a shard, None for one whose data is damaged.

  Ends with `_TAIL` where a length is damaged or the shard cut off. TensorFlow
  reads no further than to the first damage; so what follows is read from a file
  of its own, beside `target`.
  """
  rest = target.with_suffix('.rest')
  while True:
    position = 0
    try:
      for record in tf.data.TFRecordDataset(os.fspath(path)):
        yield record.numpy()
        position += 1
      break
    except tf.errors.DataLossError:
      following = _copy_after(path, position, rest)
      if following is None:
        yield _TAIL
        break
      yield None
      path = following
  rest.unlink(missing_ok=True)


def _copy_after(
  path: pathlib.Path, index: int, target: pathlib.Path
) -> pathlib.Path | None:
  """Copies what follows a record; None if it has no known end."""
  try:
    end = next(itertools.islice(shards.frame_ends(path), index, None))
  except errors.UserError:
    return None
  copy = target.with_suffix('.next')
  with open(path, 'rb') as source, open(copy, 'wb') as output:
    source.seek(end)
    shutil.copyfileobj(source, output)
  return copy.replace(target)
