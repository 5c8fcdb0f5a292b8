"""Reads and checks all pairs of a dataset in parallel processes.

The workers import NumPy and Pillow but not TensorFlow, so they start in a
fraction of a second, and they are spawned, so nothing of the parent leaks in.
"""

from __future__ import annotations

import collections
import concurrent.futures
import concurrent.futures.process
import contextlib
import dataclasses
import multiprocessing
import os
import signal
import threading
from collections.abc import Iterable, Iterator

import numpy as np

from deeplab_nas import errors
from deeplab_nas.data import findings, image_files, masks, pairs

# Fewer pairs than this per worker are not worth starting one.
_MIN_PAIRS_PER_WORKER = 8
_AHEAD = 4  # pairs under way per worker; bounds the memory


@dataclasses.dataclass(frozen=True)
class Example:
  """A checked pair: the contents of its record, or why there is none.

  Attributes:
    pair: Where it comes from.
    problems: Refusals; when there are any, image and label are None.
    unknown: Pixels by mask value that fits no class.
    image: The image, or None.
    label: Contents of an index PNG, or None.
    counts: What it adds to the counts of its split.
  """

  pair: pairs.Pair
  problems: tuple[str, ...] = ()
  unknown: dict[str, int] = dataclasses.field(default_factory=dict)
  image: image_files.ImageFile | None = None
  label: bytes | None = None
  counts: findings.Counts | None = None


@contextlib.contextmanager
def reader(rules: masks.MaskRules, num_pairs: int, workers: int = 0):
  """Gives a function that maps pairs to `Example`s, in order.

  Args:
    rules: How masks are read.
    num_pairs: How many pairs will come, all in all.
    workers: Number of processes; 0 chooses, 1 works in this process.
  """
  if workers < 0:
    raise errors.UserError(f'--workers={workers} is negative.')
  if not workers:
    workers = min(os.cpu_count() or 1, num_pairs // _MIN_PAIRS_PER_WORKER)
  if workers <= 1:
    yield lambda chosen: (read_pair(pair, rules) for pair in chosen)
    return
  executor = concurrent.futures.ProcessPoolExecutor(
    workers,
    multiprocessing.get_context('spawn'),
    initializer=_start_worker,
  )
  try:
    yield lambda chosen: _map_in_order(executor, chosen, rules, workers)
  except concurrent.futures.process.BrokenProcessPool as error:
    raise errors.UserError(
      'A worker process was killed, perhaps for want of memory: try'
      ' --workers=1; finished shards are kept.'
    ) from error
  finally:
    executor.shutdown(wait=False, cancel_futures=True)


def read_pair(pair: pairs.Pair, rules: masks.MaskRules) -> Example:
  """Reads and checks one pair; problems are returned, not raised."""
  problems, mask, image = [], None, None
  try:
    if pair.mask is not None:
      mask = masks.read(pair.mask, rules)
  except errors.UserError as error:
    problems.append(str(error))
  mask_size = None if mask is None else mask.indices.shape
  try:
    # Without the mask, whether an EXIF rotation applies is not to be judged.
    if not problems:
      image = image_files.read(pair.image, mask_size)
    else:
      image_files.load(pair.image)
  except errors.UserError as error:
    problems.append(str(error))
  if image and mask and image.size != mask_size:
    problems.append(
      f'{pair.image} has {image.size[0]} x {image.size[1]} pixels (height x'
      f' width) but its mask {pair.mask} has {mask_size[0]} x {mask_size[1]}:'
      ' export them at the same size.'
    )
  unknown = mask.unknown if mask else {}
  if problems or unknown:
    return Example(pair, tuple(problems), unknown)
  label = None if mask is None else masks.encode(mask.indices)
  counts = _counts(image, mask, rules.ignore_label)
  return Example(pair, image=image, label=label, counts=counts)


def _counts(image, mask, ignore_label: int) -> findings.Counts:
  """The counts of a single example."""
  counts = findings.Counts(
    num_examples=1,
    pixels=image.size[0] * image.size[1],
    channel_sums=image.channel_sums,
    max_size=image.size,
    min_size=image.size,
  )
  if mask is not None:
    histogram = np.bincount(mask.indices.ravel(), minlength=256)
    counts.histogram = tuple(histogram.tolist())
    counts.num_masks = 1
    counts.num_blank = int(histogram[ignore_label] == mask.indices.size)
  return counts


def _map_in_order(
  executor, chosen: Iterable[pairs.Pair], rules, workers: int
) -> Iterator[Example]:
  """Like `map`, with few pairs under way: results are large."""
  waiting = collections.deque()
  for pair in chosen:
    waiting.append(executor.submit(read_pair, pair, rules))
    if len(waiting) >= _AHEAD * workers:
      yield waiting.popleft().result()
  while waiting:
    yield waiting.popleft().result()


def _start_worker() -> None:
  """Leaves Ctrl-C to the parent, and ends when the parent is killed."""
  signal.signal(signal.SIGINT, signal.SIG_IGN)
  parent = multiprocessing.parent_process()

  def follow_parent():
    parent.join()
    os._exit(1)

  threading.Thread(target=follow_parent, daemon=True).start()
