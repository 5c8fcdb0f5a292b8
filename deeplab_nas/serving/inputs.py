"""Which image files a path, a folder or a pattern of names stands for.

Folders are listed by the rules of the converters: hidden files, those of file
managers and folders with the name of an image are no images. No TensorFlow.
"""

from __future__ import annotations

import glob
import os
import pathlib
from collections.abc import Iterable, Sequence

from absl import logging

from deeplab_nas import errors, wording
from deeplab_nas.data import image_files, other_files, pairs

# How many commas a file name in a list may have.
_MAX_COMMAS = 8


def find_images(
  pattern: str, output_dir: str | os.PathLike[str] | None = None
) -> list[pathlib.Path]:
  """Image files of a path: a file, a folder with its subfolders, or a glob.

  Args:
    pattern: The path.
    output_dir: Files below it are results of an earlier call, not images.

  Raises:
    UserError: If there is none.
  """
  path = pathlib.Path(pattern).expanduser()
  if path.is_file():
    return [path]
  found = list(
    pairs.walk(path, follow_links=True) if path.is_dir() else _files(path)
  )
  images = [
    file
    for file in found
    if file.suffix.lower() in image_files.EXTENSIONS
    and not _is_below(file, output_dir)
  ]
  _tell_of_others(found)
  if not images:
    errors.require(
      bool(found) or path.is_dir() or bool(expand(path)),
      f'--images={pattern} names no file and no folder: check the path.',
    )
    raise errors.UserError(
      f'--images={pattern} has no image ({", ".join(image_files.EXTENSIONS)}).'
    )
  return images


def _tell_of_others(files: Iterable[pathlib.Path]) -> None:
  """Warns of images of formats that are not read: they get no mask."""
  others = [file for file in files if other_files.has_ending(file.name)]
  if others:
    logging.warning(
      '%s of formats that are not read are left out, first %s: convert them to'
      ' JPEG or PNG.',
      wording.counted(len(others), 'file'),
      others[0],
    )


def files_of_list(names: Sequence[str], flag: str) -> list[pathlib.Path]:
  """Files of a list of names and patterns that was taken apart at its commas.

  Args:
    names: What was between the commas; those of a file's name are put back.
    flag: Its name, for sentences.

  Raises:
    UserError: If one names no file.
  """
  found = []
  for name in _rejoined(list(names)) or names:
    matches = expand(name)
    errors.require(bool(matches), f'--{flag}={name} names no file.')
    for match in matches:
      errors.require(match.is_file(), f'{match} is not a file.')
    found += matches
  return list(dict.fromkeys(found))


def expand(pattern: str | os.PathLike[str]) -> list[pathlib.Path]:
  """The paths that a name or a pattern matches, sorted.

  What exists by that very name is meant, whatever characters it has; so is the
  longest beginning of a pattern that is a folder.
  """
  path = pathlib.Path(pattern).expanduser()
  if os.path.lexists(path):
    return [path]
  known = next((p for p in path.parents if p.is_dir()), None)
  if known is None:
    return []
  rest = os.path.relpath(path, known)
  matches = glob.glob(
    os.path.join(glob.escape(os.fspath(known)), rest), recursive=True
  )
  return sorted(map(pathlib.Path, matches))


def _files(pattern: pathlib.Path) -> list[pathlib.Path]:
  """The files that a pattern matches; of folders alone, what is in them."""
  matches = expand(pattern)
  files = [match for match in matches if match.is_file()]
  if files:
    return files
  inside: Iterable[pathlib.Path] = (
    file
    for folder in matches
    if folder.is_dir()
    for file in pairs.walk(folder, follow_links=True)
  )
  return list(dict.fromkeys(inside))


def _is_below(
  file: pathlib.Path, folder: str | os.PathLike[str] | None
) -> bool:
  if folder is None:
    return False
  return pathlib.Path(folder).resolve() in file.resolve().parents


def _rejoined(parts: list[str]) -> list[str] | None:
  """The names that parts between commas make, each of which matches; or None.

  As few commas as possible belong to names.
  """
  if not parts:
    return []
  for count in range(1, min(len(parts), _MAX_COMMAS + 1) + 1):
    for comma in (',', ', ')[:count]:  # one part has none
      name = comma.join(parts[:count])
      rest = _rejoined(parts[count:]) if expand(name) else None
      if rest is not None:
        return [name, *rest]
  return None
