"""A start that is undone unless it has a result: --overwrite, and refusals.

The files of the run before are moved aside, and are removed when the new run
has its first checkpoint. Until then they can come back: after a refusal at
once, after a kill at the next start.
"""

from __future__ import annotations

import os
import pathlib
import shutil
from collections.abc import Callable, Sequence

from absl import logging

from deeplab_nas import files


class Changes:
  """What one start changes in a folder, as a transaction.

      changes = Changes(folder, ['config.yaml', 'run.json'], has_weights)
      changes.recover()   # of an earlier start that was killed
      changes.begin(overwrite=True)
      ...
      changes.settle()    # or changes.discard()

  Folders that were there before stay as they are at `discard`; files get back
  their content.
  """

  def __init__(
    self,
    folder: pathlib.Path,
    names: Sequence[str],
    has_weights: Callable[[], bool],
  ):
    """Watches over a folder.

    Args:
      folder: The folder of a run.
      names: Of all files and folders that a run writes into it. The last one
        says that there is a run, and so is moved last.
      has_weights: Whether the folder holds a result now.
    """
    self._folder = folder
    self._paths = [folder / name for name in names]
    self._has_weights = has_weights
    # What was here at the start, with the content of files.
    self._held: dict[pathlib.Path, bytes | None] = {}
    self._had_weights = False
    self._is_settled = False

  @property
  def is_replacing(self) -> bool:
    """Whether the run that this one overwrites can still come back."""
    return self._replaced.is_dir()

  def recover(self) -> None:
    """Tidies up after an --overwrite that was killed."""
    if self._moving.is_dir():
      self._finish_moving()
    if self._replaced.is_dir() and self._has_weights():
      shutil.rmtree(self._replaced)
    elif self._replaced.is_dir():
      logging.info(
        'The last --overwrite of %s was stopped before its first result: the'
        ' run before it is put back.',
        self._folder,
      )
      self._put_back()

  def begin(self, overwrite: bool) -> None:
    """Moves the run aside that is overwritten; notes what else is there."""
    if overwrite:
      self._move_aside()
    self._had_weights = self._has_weights()
    self._held = {
      path: path.read_bytes() if path.is_file() else None
      for path in self._paths
      if path.exists()
    }

  def settle(self) -> None:
    """Keeps what this start has written, and removes what it replaced."""
    self._is_settled = True
    if self._replaced.is_dir():
      shutil.rmtree(self._replaced)

  def discard(self) -> None:
    """Undoes all since `begin`, unless it is settled or there are results."""
    if self._is_settled or (self._has_weights() and not self._had_weights):
      return
    if self._replaced.is_dir():
      self._put_back()
      return
    for path in self._paths:
      if path not in self._held:
        _remove(path)
    for path, content in self._held.items():
      if content is not None:
        files.write(path, content)
    if self._folder.is_dir() and not any(self._folder.iterdir()):
      self._folder.rmdir()

  @property
  def _replaced(self) -> pathlib.Path:
    return self._folder / '.replaced'

  @property
  def _moving(self) -> pathlib.Path:
    """The same while it is moved; what it holds belongs in the folder."""
    return self._folder / '.replaced.moving'

  def _move_aside(self) -> None:
    paths = [path for path in self._paths if path.exists()]
    if not paths:
      return
    self._moving.mkdir()
    for path in paths:
      os.replace(path, self._moving / path.name)
    os.replace(self._moving, self._replaced)

  def _put_back(self) -> None:
    """Removes the new run, and puts the replaced one in its place."""
    for path in self._paths:
      _remove(path)
    os.replace(self._replaced, self._moving)
    self._finish_moving()

  def _finish_moving(self) -> None:
    for path in self._moving.iterdir():
      os.replace(path, self._folder / path.name)
    self._moving.rmdir()


def _remove(path: pathlib.Path) -> None:
  if path.is_dir():
    shutil.rmtree(path)
  else:
    path.unlink(missing_ok=True)
