"""Small files: read whole or refused, written whole or not at all."""

from __future__ import annotations

import errno
import os
import pathlib

# A hundred times what any of our files of settings has.
MAX_BYTES = 2**20


def read(path: str | os.PathLike[str], encoding: str = 'utf-8') -> str:
  """The text of a file.

  No more than the limit is read, so that neither a huge file nor one without
  an end, such as /dev/zero, takes the memory.

  Args:
    path: The file.
    encoding: 'utf-8', or 'utf-8-sig' where editors put a mark in front.

  Raises:
    OSError: If it cannot be opened.
    ValueError: If it is too large or no text; says what the file is.
  """
  with open(path, 'rb') as file:
    content = file.read(MAX_BYTES + 1)
  if len(content) > MAX_BYTES:
    raise ValueError(
      f'it has more than {MAX_BYTES >> 20} MiB, too much for a file of this'
      ' kind'
    )
  try:
    return content.decode(encoding)
  except UnicodeDecodeError as error:
    raise ValueError(f'it is not UTF-8 text (byte {error.start})') from error


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
  if not path.name:  # such as '.'
    raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
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
