"""Runs the scripts of datasets/ as a user does."""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).parents[2]
SHARED = ROOT.parent / 'shared' / 'data'


def run(script: str, *arguments: str) -> subprocess.CompletedProcess:
  path = [str(ROOT), os.environ.get('PYTHONPATH', '')]
  return subprocess.run(
    [sys.executable, str(ROOT / 'datasets' / script), *arguments],
    capture_output=True,
    text=True,
    env={**os.environ, 'PYTHONPATH': os.pathsep.join(path)},
  )


def error_lines(result: subprocess.CompletedProcess) -> list[str]:
  """Sentences of a refusal; fails on a traceback or a success."""
  assert result.returncode == 2, result.stderr
  assert 'Traceback' not in result.stderr
  lines = [x for x in result.stderr.splitlines() if x.startswith('error: ')]
  assert lines, result.stderr
  return lines
