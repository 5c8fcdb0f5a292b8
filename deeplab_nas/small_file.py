"""Text files of a person's size: read whole, and refused when they are not."""

from __future__ import annotations

import os

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
