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
  "raise type('ResourceExhaustedError', (Exception,), {})('x; No space left on"
  " device')": (
    2,
    'error: No space left on device: make room and run the same command'
    ' again.\n',
  ),
  'raise MemoryError': (
    2,
    'error: There is not enough memory for this: ask for less at a time.\n',
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


FLAGS = """
from absl import flags
flags.DEFINE_boolean('resume', False, '')
flags.DEFINE_integer('size', 1, '', lower_bound=1)
flags.DEFINE_enum('mode', 'a', ['a', 'b'], '')
flags.DEFINE_string('input', None, '', required=True)
"""


@pytest.mark.parametrize(
  'arguments, sentence',
  [
    (['--resum'], 'There is no flag --resum: did you mean --resume?'),
    (['--zzz=1'], 'There is no flag --zzz: --help lists the flags.'),
    (
      ['--resume=maybe'],
      '--resume=maybe is refused: write --resume or --noresume.',
    ),
    (['--size=0'], '--size=0 is refused: 0 is not a positive integer.'),
    (['--size=x'], '--size=x is refused: expected a positive integer.'),
    (['--mode=c'], '--mode=c is refused: value should be one of <a|b>.'),
    (['--size'], 'Missing value for flag --size: --help says more.'),
    (['--size=2'], '--input is missing: give --input=VALUE.'),
    (['--flagfile=/no/such'], 'Unable to open flagfile: '),
  ],
)
def test_a_wrong_flag_is_told_in_a_sentence(arguments, sentence):
  program = FLAGS + SCRIPT.format(body='return 0')
  result = subprocess.run(
    [sys.executable, '-c', program, *arguments], capture_output=True, text=True
  )
  assert result.returncode == 2
  assert result.stderr.startswith(f'error: {sentence}')
  assert len(result.stderr.splitlines()) == 1 and not result.stdout


def test_damaged_records_are_explained():
  body = (
    "raise type('DataLossError', (Exception,), {{}})('corrupted record at 12')"
  )
  result = run(body.format())
  assert result.returncode == 2
  assert 'corrupted record at 12' in result.stderr
  assert 'check_data.py' in result.stderr
