"""One process that writes to a folder or a file at a time: a run, a table."""

from __future__ import annotations

import os
import pathlib
import weakref

from absl import logging

from deeplab_nas import errors

try:
  import fcntl
except ImportError:  # Windows
  fcntl = None


class FolderLock:
  """Keeps other processes away, for as long as this object lives.

  The folder or file itself is locked: nothing is left behind when the process
  is killed.
  """

  def __init__(self, file: int):
    self._file = file

  def __del__(self):
    os.close(self._file)


_held: weakref.WeakValueDictionary[tuple[int, int], FolderLock] = (
  weakref.WeakValueDictionary()
)


def take(path: pathlib.Path) -> FolderLock | None:
  """Locks a folder or a file; a process that has it already gets it again.

  Args:
    path: Of what there is; a file must not be replaced by another one.

  Returns:
    The lock; None where the system has none.

  Raises:
    UserError: If another process has it.
  """
  if fcntl is None:
    return None
  status = os.stat(path)
  key = status.st_dev, status.st_ino
  if key in _held:
    return _held[key]
  lock = FolderLock(os.open(path, os.O_RDONLY))
  try:
    fcntl.flock(lock._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
  except BlockingIOError:
    raise errors.UserError(
      f'Another process is writing to {path}: wait for its end, or choose'
      ' another one.'
    ) from None
  except OSError as error:  # some network file systems
    logging.warning(
      '%s is not locked against a second process (%s).', path, error.strerror
    )
    return None
  _held[key] = lock
  return lock
