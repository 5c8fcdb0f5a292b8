"""A command: its flags and its page of help, and how it is run.

Everything a user can get wrong ends as `error: <sentence>` on stderr and exit
code 2, without a traceback; Ctrl-C ends with 130, SIGTERM, where it is waited
for, with 75. `--debug` shows the traceback as well.
"""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import logging as python_logging
import os
import re
import sys
import warnings
from collections.abc import Iterator, Sequence
from typing import Callable

from absl import flags, logging

from deeplab_nas import commands, errors
from deeplab_nas.cli import flags as flags_lib
from deeplab_nas.cli import help_page

USER_ERROR_EXIT_CODE = 2
INTERRUPTED_EXIT_CODE = 130
# EX_TEMPFAIL of sysexits.h: the same command may well succeed later.
PREEMPTED_EXIT_CODE = 75
FULL_DISK = f'{errors.NO_SPACE}: make room and run the same command again.'
_NO_MEMORY = 'There is not enough memory for this: ask for less at a time.'
# A line break where no sentence ends, and characters that move the cursor.
_INNER_BREAK = re.compile(r'(?<![.!?])\n')
_CONTROL = re.compile('[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029]')


@dataclasses.dataclass(frozen=True)
class Command:
  """What a person can run.

  Attributes:
    name: A key of `commands.SCRIPTS`, or the path of a script that has none.
    summary: What it does, in one line.
    define: Adds its flags to those of one run.
    main: Runs it: given the flags, and the command line as it was typed.
      Returns an exit code; None is 0.
    examples: Command lines that run as they are: the name of a command and
      its flags.
    text: The rest of the help page.
    takes_arguments: Whether words that are no flags are expected; `main` is
      given these in the place of the command line.
    setting_named: For a flag that does not exist, gives the setting of that
      name, so that the message can suggest --set; None if there is none.
  """

  name: str
  summary: str
  define: Callable[[flags.FlagValues], None]
  main: Callable[[flags.FlagValues, Sequence[str]], int | None]
  examples: tuple[tuple[str, ...], ...]
  text: str = ''
  takes_arguments: bool = False
  setting_named: Callable[[str], str | None] | None = None

  def flags(self) -> flags.FlagValues:
    """Its flags, with their defaults, without those of all commands."""
    values = flags.FlagValues()
    self.define(values)
    return values

  def help(self, with_shared: bool = False) -> str:
    """The page of `--help`.

    Args:
      with_shared: Whether the flags of all commands, as of logging, are listed.
    """
    own = self.flags()
    shared = flags_lib.add_shared(flags.FlagValues()) if with_shared else None
    return help_page.render(self.summary, self.examples, self.text, own, shared)


def run(
  command: Command,
  arguments: Sequence[str],
  program: Sequence[str] = (commands.PROGRAM,),
) -> int:
  """Runs a command in this process; returns its exit code.

  Args:
    command: What to run.
    arguments: Its command line, without the program.
    program: The words before that, as they were typed.

  Raises:
    Exception: What is no fault of the user, and all with `--debug`.
  """
  if flags_lib.asks_for_help(arguments):
    print(command.help('--helpfull' in arguments))
    return 0
  with _own_process(), flags_lib.kept_shared(), _log_for_people():
    values = flags_lib.add_shared(command.flags())
    try:
      left = flags_lib.parse(values, arguments)
    except (flags.Error, UnicodeDecodeError) as error:
      if '--debug' in arguments:
        raise
      _print_error(flags_lib.sentence(error, values, command.setting_named))
      return USER_ERROR_EXIT_CODE
    return _guarded(command, values, left, [*program, *arguments])


def _guarded(
  command: Command,
  values: flags.FlagValues,
  left: Sequence[str],
  typed: Sequence[str],
) -> int:
  try:
    if command.takes_arguments:
      return command.main(values, left) or 0
    if left:
      raise errors.UserError(
        f'Unexpected argument {left[0]!r}: write flags as --flag=value,'
        ' without spaces around the equals sign.'
      )
    return command.main(values, typed) or 0
  except KeyboardInterrupt:
    _print_error('interrupted.')
    return INTERRUPTED_EXIT_CODE
  except errors.Preempted as reason:
    _print_error(f'preempted ({reason}).')
    return PREEMPTED_EXIT_CODE
  except Exception as error:
    sentence = _sentence(error)
    if sentence is None or values.debug:
      raise
    _print_error(sentence)
    return USER_ERROR_EXIT_CODE


@contextlib.contextmanager
def _own_process() -> Iterator[None]:
  """What a command sets for the process, and its children."""
  variables = {
    # Notes of TensorFlow's start, on which nobody can act.
    'TF_CPP_MIN_LOG_LEVEL': '3',
    # That Python will go out of support one day, which dependencies say.
    'PYTHONWARNINGS': 'ignore::FutureWarning',
  }
  added = [name for name in variables if name not in os.environ]
  for name in added:
    os.environ[name] = variables[name]
  try:
    with warnings.catch_warnings():
      if 'PYTHONWARNINGS' in added:
        warnings.simplefilter('ignore', FutureWarning)
      yield
  finally:
    for name in added:
      os.environ.pop(name, None)


@contextlib.contextmanager
def _log_for_people() -> Iterator[None]:
  """Lines on stderr: no process number, no place in the source."""
  handler = logging.get_absl_handler()
  inner = handler.python_handler
  stream, formatter = inner.stream, inner.formatter
  was_used = handler in python_logging.root.handlers
  logging.use_absl_handler()
  inner.stream = sys.stderr
  handler.setFormatter(python_logging.Formatter())
  try:
    yield
  finally:
    handler.setFormatter(formatter)
    inner.stream = stream
    if not was_used:
      python_logging.root.removeHandler(handler)


def _sentence(error: Exception) -> str | None:
  """The sentence for an error that concerns the user, else None."""
  if isinstance(error, errors.UserError):
    return str(error)
  if isinstance(error, OSError) and error.filename is not None:
    return f'Cannot use {error.filename}: {error.strerror}.'
  if isinstance(error, MemoryError):
    return _NO_MEMORY
  if isinstance(error, OSError) and error.errno == errno.ENOSPC:
    return FULL_DISK
  # Named, not imported: this module must not pull in TensorFlow.
  if type(error).__name__ == 'ResourceExhaustedError':
    return FULL_DISK if errors.NO_SPACE in str(error) else _NO_MEMORY
  if type(error).__name__ == 'DataLossError':
    return (
      f'A TFRecord shard is damaged ({error}); {commands.name("check")}'
      ' --dataset_dir=DIR names the shard, which must be converted again.'
    )
  return None


def _print_error(text: str) -> None:
  """Prints sentences, each on a line of its own.

  A line that does not end as a sentence was broken by a name, of a file or so,
  that holds a line break; such characters are printed as escapes.
  """
  sys.stdout.flush()
  text = _INNER_BREAK.sub(r'\\n', text.strip('\n'))
  for line in text.split('\n'):
    line = _CONTROL.sub(lambda x: ascii(x[0])[1:-1], line)
    print(f'error: {line}', file=sys.stderr)
