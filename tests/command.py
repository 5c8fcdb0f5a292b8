"""A program of this repository, run in this process or as from a shell."""

from __future__ import annotations

import contextlib
import io
import os
import pathlib
import subprocess
import sys

from deeplab_nas import commands
from deeplab_nas.cli import main

ROOT = pathlib.Path(__file__).parents[1]


def here(script: str, *flags: str) -> subprocess.CompletedProcess[str]:
  """Runs a script in this process, which has TensorFlow already.

  Args:
    script: Its path from the root.
    *flags: Its command line.
  """
  names = {words[0]: name for name, words in commands.SCRIPTS.items()}
  name = None if script == 'scripts/train.py' else names[script]
  return _captured(main.run_script, name, flags, script)


def program(*words: str) -> subprocess.CompletedProcess[str]:
  """Runs `deeplab-nas` with these words in this process."""
  return _captured(main.run, words)


def _captured(function, *arguments) -> subprocess.CompletedProcess[str]:
  """What it prints, and the exit code that it returns."""
  out, err = io.StringIO(), io.StringIO()
  with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
    code = function(*arguments)
  return subprocess.CompletedProcess(
    arguments, code, out.getvalue(), err.getvalue()
  )


def error_lines(result: subprocess.CompletedProcess) -> list[str]:
  """Sentences of a refusal; fails on a traceback or a success."""
  assert result.returncode == 2, result.stderr
  assert 'Traceback' not in result.stderr
  lines = [x for x in result.stderr.splitlines() if x.startswith('error: ')]
  assert lines, result.stderr
  return lines


def refusal(result: subprocess.CompletedProcess) -> str:
  """The one sentence of a refusal, which is all that it prints."""
  assert result.returncode == 2, result.stderr
  assert result.stdout == ''
  (line,) = result.stderr.splitlines()
  assert line.startswith('error: ') and line[-1] in '.?'
  return line


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
