"""Version folders as TF Serving watches them: `<base>/<integer>/`.

A version appears whole or not at all: it is written to a hidden folder beside
its final place, whose name is no number, so TF Serving passes it by, and is
renamed at the end.
"""

from __future__ import annotations

import contextlib
import errno
import os
import pathlib
import re
import shutil
from collections.abc import Iterator

from deeplab_nas import commands, errors

MODEL_FILE = 'saved_model.pb'
_TAKEN = (errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR)


def existing(base_dir: str | os.PathLike) -> list[int]:
  """Versions in a base folder, in ascending order."""
  base_dir = pathlib.Path(base_dir)
  if not base_dir.is_dir():
    return []
  names = (path.name for path in base_dir.iterdir() if path.is_dir())
  return sorted(int(name) for name in names if re.fullmatch('[0-9]+', name))


def find(path: str | os.PathLike) -> pathlib.Path:
  """The folder of one version.

  Args:
    path: That folder itself, or a base folder, whose newest version is meant.
  """
  path = pathlib.Path(path)
  if (path / MODEL_FILE).is_file():
    return path
  for version in reversed(existing(path)):
    if (path / str(version) / MODEL_FILE).is_file():
      return path / str(version)
  what = 'holds no exported model' if path.is_dir() else 'is not a folder'
  raise errors.UserError(
    f'{path} {what}: give the folder that {commands.name("export")} wrote, with'
    ' or without the version, such as models/deeplab_nas.'
  )


class Staging:
  """A version in the making.

  Attributes:
    path: The hidden folder to write to.
    published: Its final place, once there.
  """

  def __init__(self, path: pathlib.Path):
    self.path = path
    self.published: pathlib.Path | None = None

  def publish(self) -> pathlib.Path:
    """Gives the folder the next free version."""
    base_dir = self.path.parent
    version = max(existing(base_dir), default=0)
    while self.published is None:
      version += 1
      target = base_dir / str(version)
      try:
        self.path.rename(target)
      except OSError as error:
        # Another export may have taken the number since.
        if error.errno not in _TAKEN:
          raise
      else:
        self.published = target
    return self.published


@contextlib.contextmanager
def staging(base_dir: str | os.PathLike) -> Iterator[Staging]:
  """A hidden folder in the base folder, removed unless it is published."""
  base_dir = pathlib.Path(base_dir)
  if (base_dir / MODEL_FILE).is_file():
    raise errors.UserError(
      f'{base_dir} is itself a version of a model: give the folder that holds'
      ' the versions.'
    )
  created = not base_dir.exists()
  base_dir.mkdir(parents=True, exist_ok=True)
  stage = Staging(base_dir / f'.export-{os.getpid()}')
  shutil.rmtree(stage.path, ignore_errors=True)
  stage.path.mkdir()
  try:
    yield stage
  finally:
    if stage.published is None:
      shutil.rmtree(stage.path, ignore_errors=True)
      if created:
        with contextlib.suppress(OSError):
          base_dir.rmdir()
