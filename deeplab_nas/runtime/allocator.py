"""Which memory allocator this process has.

TensorFlow asks malloc for every small tensor, tens of thousands in a step of a
search, and glibc's is slow at aligned ones. What another one saves is in
g3doc/performance.md. An allocator has to be there before a process starts, so
it is the user's to set.
"""

from __future__ import annotations

import ctypes.util
import pathlib
import platform

# Each by the names of its library.
FASTER = {
  'tcmalloc': ('tcmalloc_minimal', 'tcmalloc'),
  'jemalloc': ('jemalloc',),
}
VARIABLE = 'LD_PRELOAD'

_MAPS = pathlib.Path('/proc/self/maps')


def name(maps: pathlib.Path = _MAPS) -> str:
  """One of `FASTER`, or the C library's: 'glibc'; 'system' if it has no name.

  Args:
    maps: The files that this process has in memory, as Linux lists them.
  """
  loaded = maps.read_text('utf-8') if maps.is_file() else ''
  for faster, libraries in FASTER.items():
    if any(f'/lib{library}.so' in loaded for library in libraries):
      return faster
  return platform.libc_ver()[0] or 'system'


def installed() -> str | None:
  """A faster one that `VARIABLE` may name; None if there is none."""
  for libraries in FASTER.values():
    for library in libraries:
      found = ctypes.util.find_library(library)
      if found:
        return found
  return None
