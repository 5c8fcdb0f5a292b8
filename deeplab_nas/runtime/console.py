"""Text for people, on a console of any encoding, with or without a reader."""

from __future__ import annotations

import contextlib
import io
import os
import sys
from typing import TextIO


def be_lenient() -> None:
  """Has characters that a console lacks printed as escapes, such as \\u2603.

  A name of a class or a file may have any; that it cannot be shown is no reason
  to fail when the work is done. What is written to files is UTF-8.
  """
  for stream in (sys.stdout, sys.stderr):
    # A notebook's streams, and those of tests, take every character.
    with contextlib.suppress(AttributeError, ValueError):
      stream.reconfigure(errors='backslashreplace')


def outlive_readers() -> None:
  """Has a program go on when nobody reads what it prints.

  `deeplab-nas predict ... | head -1` writes all its masks. Streams of its own
  take the place of those of the process, so this is for programs only.
  """
  for descriptor, name in ((1, 'stdout'), (2, 'stderr')):
    stream = getattr(sys, name)
    if stream is None:
      setattr(sys, name, _opened(descriptor))
    # Streams of tests are none of the operating system's.
    with contextlib.suppress(AttributeError, OSError, ValueError):
      # That the errors themselves cannot be written, nobody can be told.
      forgiven = BrokenPipeError if name == 'stdout' else OSError
      setattr(sys, name, _outliving(stream, forgiven))


def flush() -> None:
  """Writes what was printed so far.

  Raises:
    OSError: If it cannot be written, as on a full disk; then it is dropped.
  """
  try:
    sys.stdout.flush()
  except OSError:
    # Else Python would try again when it ends, and print a traceback.
    with open(os.devnull, 'wb') as nowhere:
      os.dup2(nowhere.fileno(), sys.stdout.fileno())
    raise


class _Forgiving(io.FileIO):
  """Drops what cannot be written, for some reasons."""

  def __init__(self, descriptor: int, forgiven: type[OSError]):
    super().__init__(descriptor, 'w', closefd=False)
    self._forgiven = forgiven

  def write(self, data) -> int | None:
    try:
      return super().write(data)
    except self._forgiven:
      return memoryview(data).nbytes


def _outliving(stream: TextIO, forgiven: type[OSError]) -> TextIO:
  """The same stream, but for what happens when its reader is gone."""
  raw = _Forgiving(stream.fileno(), forgiven)
  return io.TextIOWrapper(
    raw if stream.write_through else io.BufferedWriter(raw),
    stream.encoding,
    stream.errors,
    line_buffering=stream.line_buffering,
    write_through=stream.write_through,
  )


def _opened(descriptor: int) -> TextIO:
  """A stream in the place of a closed one, whose number no file shall get."""
  nowhere = os.open(os.devnull, os.O_WRONLY)
  if nowhere != descriptor:
    os.dup2(nowhere, descriptor)
  return os.fdopen(descriptor, 'w', encoding='utf-8', closefd=False)
