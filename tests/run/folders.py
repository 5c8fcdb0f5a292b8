"""What the tests of run folders put into one, and read out of it."""

from __future__ import annotations

from deeplab_nas.config import config as config_lib

CONFIG = config_lib.load('quickstart')


def put(folder, name):
  """A checkpoint, as far as the folder looks into it."""
  folder.mkdir(exist_ok=True)
  (folder / f'{name}.index').write_text(name)


def files(run):
  """Content of all files by path."""
  return {
    str(path.relative_to(run.path)): path.read_text()
    for path in run.path.rglob('*')
    if path.is_file()
  }
