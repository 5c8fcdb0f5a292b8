from __future__ import annotations

import subprocess
import sys

import pytest

SCRIPT = """
import errno
from deeplab_nas import errors

def main(argv):
  {body}

errors.run(main)
"""


def run(body: str, *arguments: str) -> subprocess.CompletedProcess:
  return subprocess.run(
    [sys.executable, '-c', SCRIPT.format(body=body), *arguments],
    capture_output=True,
    text=True,
  )


CASES = {
  "raise errors.UserError('One.\\nTwo.')": (2, 'error: One.\nerror: Two.\n'),
  "open('/no/such/file')": (
    2,
    'error: Cannot use /no/such/file: No such file or directory.\n',
  ),
  "raise OSError(errno.ENOSPC, 'No space left on device')": (
    2,
    'error: No space left on device: make room and run the same command'
    ' again.\n',
  ),
  'raise KeyboardInterrupt': (130, 'error: interrupted.\n'),
  'return 3': (3, ''),
  'return None': (0, ''),
}


@pytest.mark.parametrize('body', CASES)
def test_exit_code_and_sentence(body):
  result = run(body)
  assert (result.returncode, result.stderr) == CASES[body]


def test_debug_shows_the_traceback():
  result = run("raise errors.UserError('One.')", '--debug')
  assert result.returncode == 1 and 'Traceback' in result.stderr


def test_bugs_keep_their_traceback():
  result = run("raise ValueError('a bug')")
  assert result.returncode == 1 and 'Traceback' in result.stderr


def test_flag_with_spaces_is_refused():
  result = run('return 0', '--nodebug', '=', 'False')
  assert result.returncode == 2
  assert "Unexpected argument '='" in result.stderr
  result = run('return 0', 'stray')
  assert result.returncode == 2
  assert "Unexpected argument 'stray'" in result.stderr


def test_damaged_records_are_explained():
  body = (
    "raise type('DataLossError', (Exception,), {{}})('corrupted record at 12')"
  )
  result = run(body.format())
  assert result.returncode == 2
  assert 'corrupted record at 12' in result.stderr
  assert 'check_data.py' in result.stderr
