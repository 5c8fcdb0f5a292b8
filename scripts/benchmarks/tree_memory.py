"""The most memory that a process and its children have together."""

from __future__ import annotations

import collections
import os
import pathlib
import threading

_PROC = pathlib.Path('/proc')
_PARENT_FIELD = 1  # of /proc/PID/stat, counted from behind the name
# A look at all processes takes 5 ms: oftener, it would slow down what is timed.
_SECONDS = 0.25


class Watch:
  """Looks at a process and its children until it is stopped.

      watch = Watch(process.pid)
      ...
      peak_bytes = watch.stop()

  Pages that several processes share, such as those of libraries, count once for
  each, so the sum is an upper bound. On a system without /proc it is 0.
  """

  def __init__(self, pid: int):
    self._pid = pid
    self._peak = 0
    self._is_stopped = threading.Event()
    self._thread = threading.Thread(target=self._look, daemon=True)
    self._thread.start()

  def stop(self) -> int:
    """Bytes at the peak."""
    self._is_stopped.set()
    self._thread.join()
    return self._peak

  def _look(self) -> None:
    while True:
      pids = descendants(self._pid)
      self._peak = max(self._peak, sum(map(resident_bytes, pids)))
      if self._is_stopped.wait(_SECONDS):
        return


def descendants(pid: int) -> list[int]:
  """A process, its children, theirs, and so on."""
  children = collections.defaultdict(list)
  for path in _PROC.glob('[0-9]*/stat'):
    try:
      text = path.read_text('utf-8', 'replace')
    except OSError:  # it has ended
      continue
    # The name may hold spaces and parentheses.
    parent = text.rpartition(')')[2].split()[_PARENT_FIELD]
    children[int(parent)].append(int(path.parent.name))
  found = [pid]
  for each in found:
    found += children[each]
  return found


def resident_bytes(pid: int) -> int:
  """Memory of a process; 0 if it has ended."""
  try:
    fields = (_PROC / str(pid) / 'statm').read_text('utf-8').split()
  except OSError:
    return 0
  return int(fields[1]) * os.sysconf('SC_PAGE_SIZE')
