"""Every test of properties once more, on many times its examples."""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys

import pytest

from tests import conftest

TESTS = pathlib.Path(__file__).parent


@pytest.mark.soak
def test_many_times_the_examples_break_nothing():
  files = [
    str(path)
    for path in sorted(TESTS.rglob('*_test.py'))
    if '\nfrom hypothesis import' in path.read_text('utf-8')
  ]
  assert len(files) > 5
  result = subprocess.run(
    [sys.executable, '-m', 'pytest', '-q', '-n', '0', *files],
    cwd=TESTS.parent,
    env={**os.environ, conftest.TIMES_EXAMPLES: '20'},
    capture_output=True,
    text=True,
  )
  assert result.returncode == 0, result.stdout
