"""Mappings in the files of a run folder, and what is said of damaged ones."""

from __future__ import annotations

import pathlib
from collections.abc import Callable
from typing import Any

from deeplab_nas import errors, files

RESTART = 'start again with --overwrite, or choose another folder'
RESTORE = 'restore it from a copy'


def read(
  path: pathlib.Path, parse: Callable[[str], Any], remedy: str = RESTART
) -> dict[str, Any]:
  """The mapping that a file holds.

  Args:
    path: The file.
    parse: Of its text; a ValueError says that it is none.
    remedy: What to do about a damaged file.

  Raises:
    UserError: If it holds none.
  """
  try:
    content = parse(files.read(path))
  except ValueError:
    content = None
  if not isinstance(content, dict):
    raise damaged(path, remedy)
  return content


def damaged(path: pathlib.Path, remedy: str = RESTART) -> errors.UserError:
  return errors.UserError(f'{path} is damaged: {remedy}.')
