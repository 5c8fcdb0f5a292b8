"""Second names for paths that TensorFlow would take for patterns.

To restore, and to remove, a checkpoint, TensorFlow looks for files that match
its path: of `runs/e[1]` it finds nothing, or the files of `runs/e1`. What is
read or written through a link whose own path is plain is what was meant.
"""

from __future__ import annotations

import functools
import hashlib
import os
import pathlib
import tempfile

from deeplab_nas import errors

# What fnmatch, by which TensorFlow matches paths, does not take as it stands.
_SPECIAL = frozenset('*?[\\')
_PREFIX_NAME = 'checkpoint'


def of_folder(folder: str | os.PathLike[str]) -> pathlib.Path:
  """A path to a folder, there or yet to be made, that matches only itself.

  Args:
    folder: Any path. A plain one is returned as it is; another one is made if
      it is missing, and linked for the rest of the process.

  Raises:
    UserError: If the system makes no links.
  """
  folder = pathlib.Path(folder)
  if _is_plain(folder):
    return folder
  folder.mkdir(parents=True, exist_ok=True)
  link = _links() / _digest(folder)
  _link(link, folder)
  return link


def of_prefix(prefix: str | os.PathLike[str]) -> str:
  """The prefix of a checkpoint's files, as TensorFlow can read them.

  Args:
    prefix: Such as 'runs/a/best/epoch-3', of epoch-3.index and its data files.

  Raises:
    UserError: If the system makes no links.
  """
  path = pathlib.Path(prefix)
  if _is_plain(path) or not path.parent.is_dir():
    return os.fspath(prefix)
  folder = _links() / _digest(path)
  folder.mkdir(exist_ok=True)
  for file in path.parent.iterdir():
    if file.name.startswith(f'{path.name}.'):
      end = file.name[len(path.name) :]
      _link(folder / f'{_PREFIX_NAME}{end}', file)
  return os.fspath(folder / _PREFIX_NAME)


def _is_plain(path: pathlib.Path) -> bool:
  return not _SPECIAL & set(os.path.abspath(path))


def _digest(path: pathlib.Path) -> str:
  return hashlib.sha256(os.fsencode(os.path.abspath(path))).hexdigest()[:16]


@functools.cache
def _temporary() -> tempfile.TemporaryDirectory:
  """The folder of all links; it goes with the process."""
  for parent in (None, '/tmp'):
    made = tempfile.TemporaryDirectory(prefix='deeplab_nas_', dir=parent)
    if _is_plain(pathlib.Path(made.name)):
      return made
  raise errors.UserError(
    f'The folder for temporary files, {tempfile.gettempdir()}, has one of'
    f' {" ".join(sorted(_SPECIAL))} in its path, which TensorFlow takes for a'
    ' pattern: set TMPDIR to another one.'
  )


def _links() -> pathlib.Path:
  folder = pathlib.Path(_temporary().name)
  folder.mkdir(exist_ok=True)  # a system may tidy up during a long run
  return folder


def _link(link: pathlib.Path, target: pathlib.Path) -> None:
  if link.is_symlink():
    return
  try:
    link.symlink_to(os.path.abspath(target))
  except FileExistsError:  # another thread was faster
    return
  except OSError as error:
    raise errors.UserError(
      f'TensorFlow takes {target} for a pattern of names, and this system'
      f' makes no link to it ({error.strerror}): choose a path without'
      f' {" ".join(sorted(_SPECIAL))}.'
    ) from error
