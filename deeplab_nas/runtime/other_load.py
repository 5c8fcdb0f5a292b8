"""How busy other processes keep the machine while something is timed."""

from __future__ import annotations

import os
import pathlib
import time

STAT = pathlib.Path('/proc/stat')
_IDLE_FIELDS = (3, 4)  # idle, and waiting for a disk
# What guests had is in the first two fields already.
_NUM_FIELDS = 8


class OtherLoad:
  """Measures from its making on.

  load = OtherLoad()
  ...
  share = load.share(own_cpu_seconds)
  """

  def __init__(self):
    self._start = time.monotonic()
    self._busy = busy_seconds()

  def share(self, own_cpu_seconds: float) -> float | None:
    """Share of all cores that others had, 0 to 1; None if unknown.

    Args:
      own_cpu_seconds: What is not others'. The processes that a case starts are
        others, too, unless they are in here.
    """
    busy = busy_seconds()
    if busy is None or self._busy is None:
      return None
    seconds = (time.monotonic() - self._start) * (os.cpu_count() or 1)
    share = (busy - self._busy - own_cpu_seconds) / max(seconds, 1e-9)
    return min(max(share, 0.0), 1.0)


def busy_seconds() -> float | None:
  """Seconds that all cores together have worked so far; None if unknown."""
  if not STAT.is_file():
    return None
  fields = STAT.read_text(encoding='utf-8').split('\n')[0].split()[1:]
  ticks = sum(
    int(value)
    for i, value in enumerate(fields[:_NUM_FIELDS])
    if i not in _IDLE_FIELDS
  )
  return ticks / os.sysconf('SC_CLK_TCK')
