"""Errors meant for the user, and the entry point that prints them.

Everything a user can get wrong (files, flags, labels) is raised as `UserError`
with one or more complete sentences: which file or flag, which value, what to
do. Scripts start through `run`, which prints these sentences without a
traceback.
"""

from __future__ import annotations

import difflib
import errno
import functools
import logging as python_logging
import os
import re
import sys
from collections.abc import Sequence
from typing import Callable

from absl import app, flags, logging

USER_ERROR_EXIT_CODE = 2
INTERRUPTED_EXIT_CODE = 130
# EX_TEMPFAIL of sysexits.h: the same command may well succeed later.
PREEMPTED_EXIT_CODE = 75
# absl's 'flag --name=value: reason'.
_BAD_VALUE = re.compile(r'flag --([\w-]+)=(.*?): (.*)', re.DOTALL)
# In whatever the system or TensorFlow raise for a full disk.
NO_SPACE = os.strerror(errno.ENOSPC)
_FULL_DISK = f'{NO_SPACE}: make room and run the same command again.'
_NO_MEMORY = 'There is not enough memory for this: ask for less at a time.'


class UserError(Exception):
  """A problem the user can solve; the message says how."""


class Preempted(BaseException):
  """The system asked the process to end (SIGTERM), and it has.

  No `Exception`, as KeyboardInterrupt is none: no library is to swallow it.
  """


def require(condition: bool, sentence: str) -> None:
  """Raises a `UserError` with the sentence unless the condition holds."""
  if not condition:
    raise UserError(sentence)


def run(
  main: Callable[[Sequence[str]], int | None],
  allow_arguments: bool = False,
  setting_named: Callable[[str], str | None] | None = None,
) -> None:
  """Runs an absl `main` and turns user-facing problems into sentences.

  A `UserError`, a flag that does not exist or a file the system refuses is
  printed as `error: <sentence>` and the process exits with code 2; Ctrl-C exits
  with 130, SIGTERM, where it is waited for, with 75. `--debug` shows the
  traceback as well.

  Args:
    main: Called with the command line that is left after flag parsing.
    allow_arguments: Whether arguments that are not flags are expected. When
      not, `--flag = value` typed with spaces is refused instead of ignored.
    setting_named: Gives the setting that --set knows a flag by which there is
      none of, or None.
  """
  if 'debug' not in flags.FLAGS:
    flags.DEFINE_bool('debug', False, 'Show the traceback of an error.')

  def guarded(argv: Sequence[str]) -> int | None:
    try:
      if len(argv) > 1 and not allow_arguments:
        raise UserError(
          f'Unexpected argument {argv[1]!r}: write flags as --flag=value,'
          ' without spaces around the equals sign.'
        )
      return main(argv)
    except KeyboardInterrupt:
      _print_error('interrupted.')
      return INTERRUPTED_EXIT_CODE
    except Preempted as reason:
      _print_error(f'preempted ({reason}).')
      return PREEMPTED_EXIT_CODE
    except Exception as error:
      sentence = _sentence(error)
      if sentence is None or flags.FLAGS.debug:
        raise
      _print_error(sentence)
      return USER_ERROR_EXIT_CODE

  # Lines for people: no process number, no place in the source.
  logging.get_absl_handler().setFormatter(python_logging.Formatter())
  parse = functools.partial(_parse_flags, setting_named=setting_named)
  app.run(guarded, flags_parser=parse)


def _parse_flags(
  argv: Sequence[str], setting_named: Callable[[str], str | None] | None
) -> list[str]:
  """What is left of the command line; ends the process for a wrong flag."""
  try:
    return flags.FLAGS(argv)
  except (flags.Error, UnicodeDecodeError) as error:
    if '--debug' in argv:
      raise
    _print_error(_flag_sentence(error, setting_named))
    sys.exit(USER_ERROR_EXIT_CODE)


def _flag_sentence(
  error: Exception, setting_named: Callable[[str], str | None] | None
) -> str:
  """What is wrong with the command line; a line for each wrong flag."""
  if isinstance(error, flags.UnrecognizedFlagError):
    near = difflib.get_close_matches(error.flagname, flags.FLAGS, 1)
    advice = f'did you mean --{near[0]}?' if near else '--help lists the flags.'
    setting = setting_named and setting_named(error.flagname)
    if setting:
      advice = f'it is a setting, --set={setting}=VALUE.'
    return f'There is no flag --{error.flagname}: {advice}'
  # More than one line if more than one flag is missing.
  lines = [line.strip() for line in str(error).splitlines()]
  return '\n'.join(_value_sentence(line) for line in lines if line)


def _value_sentence(text: str) -> str:
  match = _BAD_VALUE.fullmatch(text)
  if match is None:
    return f'{text.replace("ERROR:: ", "").rstrip(".")}: --help says more.'
  name, value, reason = match.groups()
  if reason.endswith('must have a value other than None.'):
    return f'--{name} is missing: give --{name}=VALUE.'
  if 'Non-boolean' in reason:
    reason = f'write --{name} or --no{name}'
  elif 'invalid literal' in reason or 'could not convert' in reason:
    reason = f'expected {flags.FLAGS[name].parser.syntactic_help}'
  return f'--{name}={value} is refused: {reason.rstrip(".")}.'


def _sentence(error: Exception) -> str | None:
  """The sentence for an error that concerns the user, else None."""
  if isinstance(error, UserError):
    return str(error)
  if isinstance(error, OSError) and error.filename is not None:
    return f'Cannot use {error.filename}: {error.strerror}.'
  if isinstance(error, MemoryError):
    return _NO_MEMORY
  if isinstance(error, OSError) and error.errno == errno.ENOSPC:
    return _FULL_DISK
  # Named, not imported: this module must not pull in TensorFlow.
  if type(error).__name__ == 'ResourceExhaustedError':
    return _FULL_DISK if NO_SPACE in str(error) else _NO_MEMORY
  if type(error).__name__ == 'DataLossError':
    return (
      f'A TFRecord shard is damaged ({error}); datasets/check_data.py'
      ' --dataset_dir=DIR names the shard, which must be converted again.'
    )
  return None


def _print_error(text: str) -> None:
  sys.stdout.flush()
  for line in text.splitlines():
    print(f'error: {line}', file=sys.stderr)
