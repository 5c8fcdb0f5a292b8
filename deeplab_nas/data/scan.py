"""Reads and checks all pairs of a dataset in parallel processes.

The workers import NumPy and Pillow but not TensorFlow, so they start in a
fraction of a second, and they are spawned, so nothing of the parent leaks in.
Files that go into records as they are do not pass through a pipe, which would
take longer than to read them again.
"""

from __future__ import annotations

import collections
import concurrent.futures
import concurrent.futures.process
import contextlib
import dataclasses
import functools
import itertools
import multiprocessing
import os
import pathlib
import signal
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence

from deeplab_nas import errors
from deeplab_nas.data import (
  evidence,
  findings,
  image_files,
  mask_rules,
  masks,
  orientation,
  pairs,
)

# Fewer pairs than this per worker are not worth starting one.
_MIN_PAIRS_PER_WORKER = 8
# Pairs under way per worker; bounds the memory.
_AHEAD = 4
# Pairs whose files are of these kinds, and together no larger: these mostly go
# into records as they are, and then no result holds them. So many, that workers
# have work until TensorFlow is imported.
_LEAN_AHEAD, _LEAN_BYTES = 96, 2**29
_LEAN_ENDINGS = ('.png', '.jpg', '.jpeg')


@dataclasses.dataclass(frozen=True)
class Example:
  """A checked pair: the contents of its record, or why there is none.

  Attributes:
    pair: Where it comes from.
    problems: Refusals; when there are any, image and label are None.
    unknown: Pixels by mask value that fits no class.
    likely: Class by unknown value, as far as it can be guessed.
    values: Mask values that fit a class.
    image: The image, or None.
    label: Contents of an index PNG, or None.
    counts: What it adds to the counts of its split.
    is_label_kept: Whether `label` is the file as it was found.
  """

  pair: pairs.Pair
  problems: tuple[str, ...] = ()
  unknown: dict[str, int] = dataclasses.field(default_factory=dict)
  image: image_files.ImageFile | None = None
  label: bytes | None = None
  counts: findings.Counts | None = None
  is_label_kept: bool = False
  likely: dict[str, int] = dataclasses.field(default_factory=dict)
  values: tuple[int, ...] = ()


@contextlib.contextmanager
def reader(
  rules: mask_rules.MaskRules,
  num_pairs: int,
  workers: int = 0,
  max_pixels: int = image_files.MAX_PIXELS,
):
  """Gives a function that maps pairs to `Example`s, in order.

  It begins to read when it is called, and is best called once: the workers go
  on with later pairs while the parent uses the first ones.

  Args:
    rules: How masks are read.
    num_pairs: How many pairs will come, all in all.
    workers: Number of processes; 0 chooses, 1 works in this process.
    max_pixels: Larger images are refused undecoded.
  """
  workers = num_workers(num_pairs, workers)
  if workers == 1:
    yield lambda chosen: (read_pair(x, rules, max_pixels) for x in chosen)
    return
  executor = concurrent.futures.ProcessPoolExecutor(
    workers,
    multiprocessing.get_context('spawn'),
    initializer=_start_worker,
  )
  try:
    read = functools.partial(
      _read_without_kept, rules=rules, max_pixels=max_pixels
    )
    yield lambda chosen: map(
      _with_kept, map_in_order(executor, read, chosen, _ahead(chosen, workers))
    )
  except concurrent.futures.process.BrokenProcessPool as error:
    raise errors.UserError(
      'A worker process was killed, perhaps for want of memory: try'
      ' --workers=1; finished shards are kept.'
    ) from error
  finally:
    executor.shutdown(wait=False, cancel_futures=True)


def num_workers(num_pairs: int, workers: int = 0) -> int:
  """The number that is used: as asked for, or, for 0, by cores and pairs."""
  if workers < 0:
    raise errors.UserError(f'--workers={workers} is negative.')
  if workers:
    return workers
  return max(1, min(num_cores(), num_pairs // _MIN_PAIRS_PER_WORKER))


def num_cores() -> int:
  """Those that this process may use."""
  if hasattr(os, 'sched_getaffinity'):
    return len(os.sched_getaffinity(0))
  return os.cpu_count() or 1


def map_in_order(
  executor: concurrent.futures.Executor,
  function: Callable,
  items: Iterable,
  ahead: int,
) -> Iterator:
  """Like `executor.map`, with few items under way: results may be large.

  Begins when it is called, not when the first result is asked for.
  """
  rest = iter(items)

  def submit(count: int) -> list[concurrent.futures.Future]:
    chosen = itertools.islice(rest, count)
    return [executor.submit(function, item) for item in chosen]

  def results():
    while waiting:
      result = waiting.popleft().result()
      waiting.extend(submit(1))
      yield result

  waiting = collections.deque(submit(ahead))
  return results()


def read_pair(
  pair: pairs.Pair,
  rules: mask_rules.MaskRules,
  max_pixels: int = image_files.MAX_PIXELS,
) -> Example:
  """Reads and checks one pair; problems are returned, not raised."""
  problems, mask, image = [], None, None
  try:
    if pair.mask is not None:
      mask = masks.read(pair.mask, rules, max_pixels)
  except errors.UserError as error:
    problems.append(str(error))
  try:
    image = image_files.read(pair.image, max_pixels)
    if mask is not None:
      mask = _laid_on(pair, mask, image)
  except errors.UserError as error:
    problems.append(str(error))
  unknown = mask.unknown if mask else {}
  if problems or unknown:
    example = Example(pair, tuple(problems), unknown)
    if mask is None:
      return example
    return dataclasses.replace(example, likely=mask.likely, values=mask.values)
  counts = _counts(pair, image, mask, rules.ignore_label)
  if mask is None:
    return Example(pair, image=image, counts=counts)
  is_kept = mask.contents is not None
  label = mask.contents if is_kept else masks.encode(mask.indices)
  return Example(
    pair, (), {}, image, label, counts, is_kept, values=mask.values
  )


def _laid_on(
  pair: pairs.Pair, mask: masks.MaskFile, image: image_files.ImageFile
) -> masks.MaskFile:
  """The mask turned as its image is.

  Raises:
    UserError: If the two have different sizes, or it cannot be known how.
  """
  turn = orientation.of_mask(
    image.size, image.orientation, mask.indices.shape, mask.orientation
  )
  if turn is None:
    noted = [
      f'{path} carries EXIF orientation {value}'
      for path, value in (
        (pair.image, image.orientation),
        (pair.mask, mask.orientation),
      )
      if value != orientation.UPRIGHT
    ]
    raise errors.UserError(
      f'{" and ".join(noted)}, and the sizes do not tell whether this goes for'
      ' image and mask: rotate the pixels (mogrify -auto-orient) or remove the'
      ' tag (exiftool -Orientation=).'
    )
  mask = mask.turned(turn)
  if image.size != mask.indices.shape:
    raise errors.UserError(
      f'{pair.image} has {image.size[0]} x {image.size[1]} pixels (height x'
      f' width) but its mask {pair.mask} has {mask.indices.shape[0]} x'
      f' {mask.indices.shape[1]}: export them at the same size.'
    )
  return mask


def _counts(pair, image, mask, ignore_label: int) -> findings.Counts:
  """The counts of a single example."""
  counts = findings.Counts(
    num_examples=1,
    pixels=image.size[0] * image.size[1],
    channel_sums=image.channel_sums,
    max_size=image.size,
    min_size=image.size,
  )
  if mask is not None:
    counts.histogram = tuple(mask.histogram.tolist())
    counts.num_masks = 1
    counts.marks = evidence.marks(mask, pair.mask, ignore_label)
    counts.num_blank = int(mask.histogram[ignore_label] == mask.indices.size)
  return counts


def _ahead(chosen: Sequence[pairs.Pair], workers: int) -> int:
  """How many pairs may be under way."""
  images = [pair.image for pair in chosen]
  if not all(path.lower().endswith(_LEAN_ENDINGS) for path in images):
    return _AHEAD * workers
  states = filter(None, map(_state, images[:_LEAN_AHEAD]))
  largest = max((size for size, _ in states), default=1)
  lean = min(_LEAN_AHEAD, _LEAN_BYTES // max(largest, 1))
  return max(_AHEAD * workers, lean)


def _read_without_kept(
  pair: pairs.Pair, rules: mask_rules.MaskRules, max_pixels: int
) -> Example:
  """`read_pair`, with the state of kept files in place of their contents."""
  states = [_state(path) for path in (pair.image, pair.mask)]
  example = read_pair(pair, rules, max_pixels)
  image, label = example.image, example.label
  if image is not None and image.is_kept:
    image = dataclasses.replace(image, encoded=states[0])
  if example.is_label_kept:
    label = states[1]
  return dataclasses.replace(example, image=image, label=label)


def _with_kept(example: Example) -> Example:
  """Puts the contents of kept files back."""
  image, label = example.image, example.label
  if image is not None and image.is_kept:
    contents = _reread(example.pair.image, image.encoded)
    image = dataclasses.replace(image, encoded=contents)
  if example.is_label_kept:
    label = _reread(example.pair.mask, label)
  return dataclasses.replace(example, image=image, label=label)


def _reread(path: str, state: tuple[int, int]) -> bytes:
  contents = pathlib.Path(path).read_bytes()
  if _state(path) != state:
    raise errors.UserError(
      f'{path} has changed while it was read: run the same command again.'
    )
  return contents


def _state(path: str | None) -> tuple[int, int] | None:
  """Size and time of the last change; None for what is no file."""
  try:
    status = os.stat(path)
  except (OSError, TypeError):
    return None
  return status.st_size, status.st_mtime_ns


def _start_worker() -> None:
  """Leaves Ctrl-C to the parent, and ends when the parent is killed."""
  signal.signal(signal.SIGINT, signal.SIG_IGN)
  parent = multiprocessing.parent_process()

  def follow_parent():
    parent.join()
    os._exit(1)

  threading.Thread(target=follow_parent, daemon=True).start()
