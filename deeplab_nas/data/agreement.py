"""Whether the shards of a run are those that dataset.json describes.

    agreement.check(data_dir, info, ['train', 'val'])   # before the run
    with agreement.explained(data_dir, None, ['train', 'val']):
      ...                                               # reads the records

The first is quick: it reads no image. The second looks for the bad record only
when something went wrong.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence

from absl import logging

from deeplab_nas import errors, wording
from deeplab_nas.data import dataset_info, shards

# Named, not imported: this module must not pull in TensorFlow.
_OF_RECORDS = ('DataLossError', 'InvalidArgumentError', 'UnicodeDecodeError')


def check(
  data_dir: str | os.PathLike,
  info: dataset_info.DatasetInfo,
  splits: Sequence[str],
) -> None:
  """Raises a UserError unless all shards are there, whole, with their records.

  Args:
    data_dir: Folder of the shards.
    info: What they should be; splits that it does not list are only looked for.
    splits: Those that will be read; '' is passed over.
  """
  for split in filter(None, splits):
    counts = shards.counts(data_dir, split)
    errors.require(
      any(counts.values()),
      f'Split {split} has 0 images, in {data_dir}: convert the data again, or'
      ' choose another with data.train_split, data.val_split (empty for no'
      ' validation) or eval.split.',
    )
    expected = info.splits.get(split)
    if expected is None:
      continue
    for name, found, said in (
      ('shards', len(counts), expected.num_shards),
      ('examples', sum(counts.values()), expected.num_examples),
    ):
      errors.require(
        found == said,
        f'Split {split} of {data_dir} has {found} {name}, but'
        f' {dataset_info.FILE_NAME} says {said}: {shards.REMEDY}.',
      )


def check_labels(
  data_dir: str | os.PathLike,
  info: dataset_info.DatasetInfo,
  splits: Sequence[str],
) -> None:
  """Raises a UserError for a split in which no pixel has a label.

  Args:
    data_dir: Folder of the shards.
    info: Counts the pixels; splits that it does not list are passed over.
    splits: Those that are learnt from, or measured on; '' is passed over.
  """
  for split in filter(None, splits):
    counts = info.splits.get(split)
    errors.require(
      counts is None or any(counts.class_pixels),
      no_label(data_dir, split, info),
    )


def no_label(
  data_dir: str | os.PathLike,
  split: str,
  info: dataset_info.DatasetInfo,
  num_images: int | None = None,
) -> str:
  """The refusal of a split, or of its first images, without a label."""
  labelled = [name for name, of in info.splits.items() if any(of.class_pixels)]
  others = ', '.join(labelled) or ('none' if info.splits else 'not known')
  first = (
    ''
    if num_images is None
    else f' in its first {wording.counted(num_images, "image")}'
  )
  return (
    f'Split {split} of {data_dir} has no pixel with a label{first}:'
    ' there are no masks, or all of them is ignored, so there is'
    ' nothing to learn from and nothing to measure on. Splits with labels:'
    f' {others}; choose with data.train_split, data.val_split (empty for no'
    ' validation), data.max_val_images or eval.split.'
  )


@contextlib.contextmanager
def explained(
  data_dir: str | os.PathLike, known: str | None, splits: Sequence[str]
) -> Iterator[None]:
  """Names the bad record, if there is one, behind an error of TensorFlow.

  Args:
    data_dir: Folder of the shards.
    known: Name of the dataset if there is no `dataset.json`.
    splits: Those that are read; '' is passed over.
  """
  try:
    yield
  except Exception as error:
    if type(error).__name__ not in _OF_RECORDS:
      raise
    from deeplab_nas.data import check as check_lib

    logging.info('Looking for a damaged record in %s ...', data_dir)
    try:
      info = dataset_info.DatasetInfo.load(data_dir, known)
      for split in filter(None, splits):
        check_lib.require_sound(data_dir, split, info)
    except errors.UserError as reason:
      raise reason from error
    raise
