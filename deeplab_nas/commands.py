"""How a person runs each command: `deeplab-nas train`, or its script.

Whoever prints what to do next asks here, so that it is the command that this
person uses: 'deeplab-nas' where that was typed or the package is installed
without its scripts, a script of the checkout otherwise.
"""

from __future__ import annotations

import contextlib
import os
import pathlib
import shlex
import sys
from collections.abc import Iterator

PROGRAM = 'deeplab-nas'
SCRIPT = 'script'
# In the environment, so that processes that a command starts know it too.
_VARIABLE = 'DEEPLAB_NAS_TYPED'
_ROOT = pathlib.Path(__file__).resolve().parents[1]

# Command -> script below the root, and its first flags.
SCRIPTS: dict[str, tuple[str, ...]] = {
  'search': ('scripts/train.py', '--mode=search'),
  'train': ('scripts/train.py', '--mode=train'),
  'eval': ('scripts/train.py', '--mode=eval'),
  'compare': ('scripts/compare_runs.py',),
  'compare-strategies': ('scripts/compare.py',),
  'measure_latency': ('scripts/measure_latency.py',),
  'pick': ('scripts/pick.py',),
  'rank-correlation': ('scripts/rank_correlation.py',),
  'predict': ('scripts/predict.py',),
  'export': ('scripts/export_model.py',),
  'client': ('scripts/serving/client.py',),
  'scenes': ('datasets/make_street_scenes.py',),
  'convert': ('datasets/build_*.py',),
  'convert folder': ('datasets/build_folder_data.py',),
  'convert cityscapes': ('datasets/build_cityscapes_data.py',),
  'convert voc': ('datasets/build_voc2012_data.py',),
  'check': ('datasets/check_data.py',),
  'doctor': ('scripts/doctor.py',),
  'import-tf1': ('scripts/import_tf1_checkpoint.py',),
  'quickstart': ('scripts/quickstart.sh',),
}


@contextlib.contextmanager
def typed(what: str) -> Iterator[None]:
  """Notes which of both a person typed, PROGRAM or SCRIPT."""
  before = os.environ.get(_VARIABLE)
  os.environ[_VARIABLE] = what
  try:
    yield
  finally:
    if before is None:
      del os.environ[_VARIABLE]
    else:
      os.environ[_VARIABLE] = before


def are_scripts() -> bool:
  """Whether scripts are what this person types."""
  return os.environ.get(_VARIABLE) != PROGRAM and is_checkout()


def is_checkout() -> bool:
  """Whether the scripts are there: not beside an installed package."""
  return (_ROOT / SCRIPTS['train'][0]).is_file()


def name(command: str) -> str:
  """The command as a sentence names it.

  Args:
    command: A key of `SCRIPTS`.

  Returns:
    Such as 'deeplab-nas eval', or 'scripts/train.py --mode=eval'.
  """
  words = SCRIPTS[command] if are_scripts() else (PROGRAM, command)
  return ' '.join(words)


def words(command: str, *flags: str | os.PathLike[str]) -> list[str]:
  """The command line, from a shell in this folder; for `name`s see there."""
  if not are_scripts():
    return [PROGRAM, *command.split(), *map(os.fspath, flags)]
  script, *first = SCRIPTS[command]
  runner = 'bash' if script.endswith('.sh') else python()
  path = _as_typed_here(_ROOT / script)
  return [runner, path, *first, *map(os.fspath, flags)]


def line(command: str, *flags: str | os.PathLike[str]) -> str:
  """The same as one line that a shell takes."""
  return shlex.join(words(command, *flags))


def flag(name: str, value: str | os.PathLike[str]) -> str:
  """'--name=value' in a sentence, such that a shell takes it as one word."""
  return shlex.quote(f'--{name}={os.fspath(value)}')


def python() -> str:
  """This interpreter as one would type it here."""
  return _as_typed_here(pathlib.Path(sys.executable))


def _as_typed_here(path: pathlib.Path) -> str:
  here = pathlib.Path.cwd()
  return str(path.relative_to(here) if here in path.parents else path)
