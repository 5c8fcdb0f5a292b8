"""What a run was made with: enough to make it again."""

from __future__ import annotations

import datetime
import importlib.metadata
import os
import pathlib
import platform
import shlex
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

import deeplab_nas

_PACKAGES = ('tensorflow', 'keras', 'tf_keras', 'numpy')


def collect(argv: Sequence[str]) -> dict[str, Any]:
  """Time, command, versions, commit and machine, in types that JSON knows."""
  return {
    'time': datetime.datetime.now().astimezone().isoformat(timespec='seconds'),
    'command': shlex.join(_typed(argv)),
    'commit': _commit(),
    'deeplab_nas': deeplab_nas.__version__,
    'python': platform.python_version(),
    'packages': {name: _version(name) for name in _PACKAGES},
    'machine': platform.platform(),
    'cores': os.cpu_count(),
    'executable': sys.executable,
  }


def code() -> str:
  """What computes, in one line: '0.9.0, commit 1a2b...', or the release alone.

  The commit ends in '-dirty' where the code differs from it; there is none
  outside a repository.
  """
  commit = _commit()
  version = deeplab_nas.__version__
  return f'{version}, commit {commit}' if commit else version


def _typed(argv: Sequence[str]) -> list[str]:
  """The command line; a script is what Python ran."""
  is_script = bool(argv) and argv[0].endswith('.py')
  return ['python', *argv] if is_script else list(argv)


def _version(package: str) -> str | None:
  try:
    return importlib.metadata.version(package)
  except importlib.metadata.PackageNotFoundError:
    return None


def _commit() -> str | None:
  """Git hash of this code, '-dirty' if changed; None outside a repository."""
  root = pathlib.Path(deeplab_nas.__file__).resolve().parent.parent
  top, commit = _git(root, 'rev-parse', '--show-toplevel', 'HEAD') or ('', '')
  if not top or pathlib.Path(top).resolve() != root:
    return None
  is_changed = _git(root, 'status', '--porcelain', '--untracked-files=no')
  return commit + ('-dirty' if is_changed else '')


def _git(root: pathlib.Path, *arguments: str) -> list[str]:
  """Lines that git prints; none if it fails or is not installed."""
  try:
    result = subprocess.run(
      ['git', '-C', str(root), *arguments],
      capture_output=True,
      text=True,
      check=True,
    )
  except (OSError, subprocess.CalledProcessError):
    return []
  return result.stdout.splitlines()
