"""Files that are there whole or not at all."""

from __future__ import annotations

import os
import pathlib


def write(path: str | os.PathLike[str], content: str | bytes) -> None:
  """Writes a file in one step, as others see it, and as a power cut leaves it.

  Args:
    path: The file; its folder exists. A file that was there stays until the
      new one is on the disk.
    content: Text is written as UTF-8.

  Raises:
    OSError: If it cannot be written; nothing is left behind.
  """
  path = pathlib.Path(path)
  partial = path.with_name(f'.{path.name}.part')
  if isinstance(content, str):
    content = content.encode('utf-8')
  try:
    partial.write_bytes(content)
    flush(partial)
    os.replace(partial, path)
    flush(path.parent)
  except BaseException:  # also Ctrl-C
    partial.unlink(missing_ok=True)
    raise


def flush(path: str | os.PathLike[str]) -> None:
  """Has a file, or the names in a folder, on the disk."""
  opened = os.open(path, os.O_RDONLY)
  try:
    os.fsync(opened)
  finally:
    os.close(opened)
