"""Reads and checks all pairs of a dataset in parallel processes.

The workers import NumPy and Pillow but not TensorFlow, so they start in a
fraction of a second, and they are spawned, so nothing of the parent leaks in.
"""

from __future__ import annotations

import collections
import concurrent.futures
import concurrent.futures.process
import contextlib
import functools
import itertools
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence

from deeplab_nas import errors
from deeplab_nas.data import checked_pair, image_files, mask_rules, pairs

# Fewer pairs than this per worker are not worth starting one.
_MIN_PAIRS_PER_WORKER = 8
# Pairs under way per worker; bounds the memory.
_AHEAD = 4
# Pairs whose files are of these kinds, and together no larger: these mostly go
# into records as they are, and then no result holds them. So many, that workers
# have work until TensorFlow is imported.
_LEAN_AHEAD, _LEAN_BYTES = 96, 2**29
_LEAN_ENDINGS = ('.png', '.jpg', '.jpeg')


@contextlib.contextmanager
def reader(
  rules: mask_rules.MaskRules,
  num_pairs: int,
  workers: int = 0,
  max_pixels: int = image_files.MAX_PIXELS,
):
  """Gives a function that maps pairs to `CheckedPair`s, in order.

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
    yield lambda chosen: (
      checked_pair.read(pair, rules, max_pixels) for pair in chosen
    )
    return
  executor = concurrent.futures.ProcessPoolExecutor(
    workers,
    multiprocessing.get_context('spawn'),
    initializer=_start_worker,
  )
  try:
    read = functools.partial(
      checked_pair.read_without_kept, rules=rules, max_pixels=max_pixels
    )
    yield lambda chosen: map(
      checked_pair.with_kept,
      map_in_order(executor, read, chosen, num_ahead(chosen, workers)),
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


def num_ahead(chosen: Sequence[pairs.Pair], workers: int) -> int:
  """How many pairs may be under way."""
  images = [pair.image for pair in chosen]
  if not all(path.lower().endswith(_LEAN_ENDINGS) for path in images):
    return _AHEAD * workers
  states = filter(None, map(checked_pair.file_state, images[:_LEAN_AHEAD]))
  largest = max((size for size, _ in states), default=1)
  lean = min(_LEAN_AHEAD, _LEAN_BYTES // max(largest, 1))
  return max(_AHEAD * workers, lean)


def _start_worker() -> None:
  """Leaves Ctrl-C to the parent, and ends when the parent is killed."""
  signal.signal(signal.SIGINT, signal.SIG_IGN)
  parent = multiprocessing.parent_process()

  def follow_parent():
    parent.join()
    os._exit(1)

  threading.Thread(target=follow_parent, daemon=True).start()
