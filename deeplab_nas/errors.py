"""Errors meant for the user, and the entry point that prints them.

Everything a user can get wrong (files, flags, labels) is raised as `UserError`
with one or more complete sentences: which file or flag, which value, what to
do. Scripts start through `run`, which prints these sentences without a
traceback.
"""

from __future__ import annotations

import errno
import logging as python_logging
import sys
from collections.abc import Sequence
from typing import Callable

from absl import app, flags, logging

USER_ERROR_EXIT_CODE = 2
INTERRUPTED_EXIT_CODE = 130
# EX_TEMPFAIL of sysexits.h: the same command may well succeed later.
PREEMPTED_EXIT_CODE = 75


class UserError(Exception):
  """A problem the user can solve; the message says how."""


class Preempted(Exception):
  """The system asked the process to end (SIGTERM), and it has."""


def require(condition: bool, sentence: str) -> None:
  """Raises a `UserError` with the sentence unless the condition holds."""
  if not condition:
    raise UserError(sentence)


def run(
  main: Callable[[Sequence[str]], int | None],
  allow_arguments: bool = False,
) -> None:
  """Runs an absl `main` and turns user-facing problems into sentences.

  A `UserError` or a file the system refuses is printed as `error: <sentence>`
  and the process exits with code 2; Ctrl-C exits with 130, SIGTERM, where it is
  waited for, with 75. `--debug` shows the traceback as well.

  Args:
    main: Called with the command line that is left after flag parsing.
    allow_arguments: Whether arguments that are not flags are expected. When
      not, `--flag = value` typed with spaces is refused instead of ignored.
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
    except Preempted:
      _print_error('preempted (SIGTERM).')
      return PREEMPTED_EXIT_CODE
    except Exception as error:
      sentence = _sentence(error)
      if sentence is None or flags.FLAGS.debug:
        raise
      _print_error(sentence)
      return USER_ERROR_EXIT_CODE

  # Lines for people: no process number, no place in the source.
  logging.get_absl_handler().setFormatter(python_logging.Formatter())
  app.run(guarded)


def _sentence(error: Exception) -> str | None:
  """The sentence for an error that concerns the user, else None."""
  if isinstance(error, UserError):
    return str(error)
  if isinstance(error, OSError) and error.filename is not None:
    return f'Cannot use {error.filename}: {error.strerror}.'
  if isinstance(error, OSError) and error.errno == errno.ENOSPC:
    return f'{error.strerror}: make room and run the same command again.'
  # Named, not imported: this module must not pull in TensorFlow.
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
