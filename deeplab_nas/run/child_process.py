"""What a process of this program and those that it starts agree on."""

from __future__ import annotations

import ctypes
import os
import pathlib
import signal
import sys

import deeplab_nas

_SET_PARENT_DEATH_SIGNAL = 1


def environment() -> dict[str, str]:
  """That of this process, in which Python finds this package first."""
  root = str(pathlib.Path(deeplab_nas.__file__).parent.parent)
  paths = [root, *filter(None, [os.environ.get('PYTHONPATH')])]
  return {**os.environ, 'PYTHONPATH': os.pathsep.join(paths)}


def die_with_parent() -> None:
  """Linux ends this process with its parent, even within an operation."""
  if sys.platform == 'linux':
    ctypes.CDLL(None).prctl(_SET_PARENT_DEATH_SIGNAL, signal.SIGKILL)
