"""A program of this repository, run as from a shell."""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).parents[1]


def run(
  script: str, *flags: str, **variables: str
) -> subprocess.CompletedProcess[str]:
  """Runs a script, named from the root, to its end; keeps what it prints.

  Args:
    script: Its path.
    *flags: Its command line.
    **variables: Of the environment, changed.
  """
  return subprocess.run(
    [sys.executable, str(ROOT / script), *flags],
    capture_output=True,
    text=True,
    env={**os.environ, 'PYTHONPATH': str(ROOT), **variables},
  )


def start(
  log: str | os.PathLike[str], script: str, *flags: str, **variables: str
) -> subprocess.Popen[bytes]:
  """Starts a script, and leaves it running.

  Args:
    log: What it prints as errors is added to this file.
    script: Its path.
    *flags: Its command line.
    **variables: Of the environment, changed.
  """
  with open(log, 'ab') as file:  # the process has its own
    return subprocess.Popen(
      [sys.executable, str(ROOT / script), *flags],
      env={**os.environ, 'PYTHONPATH': str(ROOT), **variables},
      stdout=subprocess.DEVNULL,
      stderr=file,
    )


def deaf_to_nothing(arguments: list[str]) -> list[str]:
  """The same command, which Ctrl-C reaches though tests run in the background.

  A shell has what it runs there ignore SIGINT, and that is inherited.
  """
  program = (
    'import os, signal, sys\n'
    'signal.signal(signal.SIGINT, signal.SIG_DFL)\n'
    'os.execv(sys.argv[1], sys.argv[1:])\n'
  )
  return [sys.executable, '-c', program, *map(str, arguments)]
