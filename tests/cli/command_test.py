"""Exit codes and sentences of commands that end in each way."""

from __future__ import annotations

import contextlib
import errno
import io
import logging as python_logging
import os
import subprocess
import sys
import warnings

import pytest
from absl import logging

from deeplab_nas import errors
from deeplab_nas.cli import command as command_lib
from deeplab_nas.cli import flags as flags_lib
from tests import command as shell


def make(main, define=lambda values: None):
  return command_lib.Command(
    'search', 'Ends.', define, main, (('search', '--size=1'),)
  )


def run(main, *arguments):
  """Exit code, what was printed, and errors, of a command with that main."""
  out, err = io.StringIO(), io.StringIO()
  with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
    code = command_lib.run(make(main), arguments)
  return code, out.getvalue(), err.getvalue()


def raising(error):
  def main(values, argv):
    raise error

  return main


def named(name, text):
  """An error of TensorFlow, which is known by its name alone."""
  return type(name, (Exception,), {})(text)


FULL = (
  'error: No space left on device: make room and run the same command again.\n'
)


@pytest.mark.parametrize(
  'error, code, text',
  [
    (errors.UserError('One.\nTwo.'), 2, 'error: One.\nerror: Two.\n'),
    (
      errors.UserError('a\nb/c\x1b[2J\r\td\u2028 is no folder.\nTwo.'),
      2,
      'error: a\\nb/c\\x1b[2J\\r\td\\u2028 is no folder.\nerror: Two.\n',
    ),
    (
      FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), '/no/file'),
      2,
      'error: Cannot use /no/file: No such file or directory.\n',
    ),
    (OSError(errno.ENOSPC, 'No space left on device'), 2, FULL),
    (
      named('ResourceExhaustedError', 'x; No space left on device'),
      2,
      FULL,
    ),
    (
      MemoryError(),
      2,
      'error: There is not enough memory for this: ask for less at a time.\n',
    ),
    (KeyboardInterrupt(), 130, 'error: interrupted.\n'),
    (errors.Preempted('SIGTERM'), 75, 'error: preempted (SIGTERM).\n'),
  ],
)
def test_exit_code_and_sentence(error, code, text):
  assert run(raising(error)) == (code, '', text)


@pytest.mark.parametrize('result, code', [(3, 3), (0, 0), (None, 0)])
def test_the_exit_code_is_that_of_the_command(result, code):
  assert run(lambda values, argv: result) == (code, '', '')


def test_the_exit_code_is_that_of_the_process():
  result = shell.run('datasets/build_folder_data.py', 'stray', '--data_dir=a')
  assert result.returncode == 2
  assert shell.refusal(result) == (
    'error: --output_dir is missing: give --output_dir=VALUE.'
  )


def test_damaged_records_are_explained():
  _, _, text = run(raising(named('DataLossError', 'corrupted record at 12')))
  assert 'corrupted record at 12' in text
  assert 'datasets/check_data.py --dataset_dir=DIR' in text


def test_debug_shows_the_traceback():
  with pytest.raises(errors.UserError):
    run(raising(errors.UserError('One.')), '--debug')


def test_bugs_keep_their_traceback():
  with pytest.raises(ValueError, match='a bug'):
    run(raising(ValueError('a bug')))


@pytest.mark.parametrize('stray', ['=', 'stray'])
def test_a_stray_argument_is_refused(stray):
  code, _, text = run(lambda values, argv: 0, '--nodebug', stray, 'False')
  assert code == 2
  assert f'Unexpected argument {stray!r}' in text


def test_two_runs_share_no_flag():
  seen = []

  def main(values, argv):
    seen.append((values.size, argv))

  define = lambda values: flags_lib.Definer(values).integer('size', 1, '')  # noqa: E731
  for arguments in (['--size=2'], []):
    assert command_lib.run(make(main, define), arguments, ['x']) == 0
  assert seen == [(2, ['x', '--size=2']), (1, ['x'])]


def test_the_log_goes_to_stderr_as_plain_lines_and_back():
  root = python_logging.getLogger()
  before = list(root.handlers)

  def main(values, argv):
    logging.info('%d done', 3)

  assert run(main) == (0, '', '3 done\n')
  assert run(main, '--verbosity=-1') == (0, '', '')
  assert run(main) == (0, '', '3 done\n')
  assert root.handlers == before


def test_no_future_warning_of_a_dependency_is_shown():
  def main(values, argv):
    warnings.warn('Python 3.9 will go', FutureWarning, stacklevel=1)
    program = 'import warnings as w; w.warn("x", FutureWarning); print("done")'
    child = subprocess.run(
      [sys.executable, '-c', program], capture_output=True, check=True
    )
    assert (child.stdout, child.stderr) == (b'done\n', b'')

  assert run(main) == (0, '', '')
