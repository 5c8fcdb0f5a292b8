"""Flags: of paths, of all commands, and a sentence for those that are wrong.

Each run of a command has flag values of its own, so that commands can be
imported, and run one after the other, in one process.
"""

from __future__ import annotations

import contextlib
import difflib
import functools
import re
from collections.abc import Iterator, Sequence
from typing import Any, Callable

from absl import flags, logging

from deeplab_nas import paths

# absl's 'flag --name=value: reason'.
_BAD_VALUE = re.compile(r'flag --([\w-]+)=(.*?): (.*)', re.DOTALL)
_HELP = ('help', 'helpshort', 'helpfull', 'h', '?')


class PathParser(flags.ArgumentParser):
  """Reads a path of this machine; `~` is expanded, an address refused."""

  syntactic_help = 'a path of this machine'

  def parse(self, argument: str) -> str:
    return paths.expand(argument)


class PathsParser(flags.ListParser):
  """Reads several, between commas."""

  def parse(self, argument: str | list[str]) -> list[str]:
    return [paths.expand(text) for text in super().parse(argument)]


def define_path(
  values: flags.FlagValues,
  name: str,
  default: str | None,
  help_text: str,
  required: bool = False,
) -> None:
  """Defines a flag that holds a path, or a pattern of paths.

  Every flag that names files has to be one of these: here `~` becomes the
  home folder, and addresses of remote stores are refused.
  """
  flags.DEFINE(
    PathParser(),
    name,
    default,
    help_text,
    flag_values=values,
    required=required,
  )


def define_paths(
  values: flags.FlagValues, name: str, default: list[str], help_text: str
) -> None:
  """The same for a list between commas."""
  flags.DEFINE(
    PathsParser(),
    name,
    default,
    help_text,
    flag_values=values,
    serializer=flags.CsvListSerializer(','),
  )


def is_path(flag: flags.Flag) -> bool:
  """Whether `define_path` or `define_paths` made a flag."""
  return isinstance(flag.parser, (PathParser, PathsParser))


def add_shared(values: flags.FlagValues) -> flags.FlagValues:
  """Adds `--debug` and absl's flags of logging; returns the values."""
  flags.DEFINE_bool(
    'debug', False, 'Show the traceback of an error.', flag_values=values
  )
  for flag in _of_logging():
    if flag.name not in values:
      values[flag.name] = flag
  return values


def add_global(values: flags.FlagValues) -> None:
  """Adds what a script has defined in absl's `FLAGS`: the same objects."""
  for module, defined in flags.FLAGS.flags_by_module_dict().items():
    for flag in () if module.startswith('absl.') else defined:
      values[flag.name] = flag


@contextlib.contextmanager
def kept_shared() -> Iterator[None]:
  """Gives the flags of logging, which all runs share, their values back."""
  before = [
    (flag, flag.value, flag.present, flag.using_default_value)
    for flag in _of_logging()
  ]
  try:
    yield
  finally:
    for flag, value, present, is_default in before:
      if flag.value != value:
        flag.value = value
      flag.present, flag.using_default_value = present, is_default


def _of_logging() -> list[flags.Flag]:
  return flags.FLAGS.flags_by_module_dict()[logging.__name__]


def asks_for_help(arguments: Sequence[str]) -> bool:
  """Whether `--help`, or a relative of it, is among the flags."""
  own = (
    arguments[: list(arguments).index('--')] if '--' in arguments else arguments
  )
  return any(text.startswith('-') and text.lstrip('-') in _HELP for text in own)


def parse(values: flags.FlagValues, arguments: Sequence[str]) -> list[str]:
  """Gives the flags their values; returns what is left of the command line.

  Raises:
    flags.Error: For a flag that does not exist, or a value that it refuses.
  """
  left = values(['', *arguments])[1:]
  if values['verbosity'].using_default_value:
    values['verbosity'].value = logging.INFO
  # absl's log reads its flags there: the same objects.
  flags.FLAGS.mark_as_parsed()
  return left


def sentence(
  error: Exception,
  values: flags.FlagValues,
  setting_named: Callable[[str], str | None] | None = None,
) -> str:
  """What is wrong with the command line; a line for each wrong flag."""
  if isinstance(error, flags.UnrecognizedFlagError):
    near = difflib.get_close_matches(error.flagname, values, 1)
    advice = f'did you mean --{near[0]}?' if near else '--help lists the flags.'
    setting = setting_named and setting_named(error.flagname)
    if setting:
      advice = f'it is a setting, --set={setting}=VALUE.'
    return f'There is no flag --{error.flagname}: {advice}'
  # More than one line if more than one flag is missing.
  lines = [line.strip() for line in str(error).splitlines()]
  return '\n'.join(_value_sentence(line, values) for line in lines if line)


def _value_sentence(text: str, values: flags.FlagValues) -> str:
  match = _BAD_VALUE.fullmatch(text)
  if match is None:
    return f'{text.replace("ERROR:: ", "").rstrip(".")}: --help says more.'
  name, value, reason = match.groups()
  if reason.endswith('must have a value other than None.'):
    return f'--{name} is missing: give --{name}=VALUE.'
  if 'Non-boolean' in reason:
    reason = f'write --{name} or --no{name}'
  elif 'invalid literal' in reason or 'could not convert' in reason:
    reason = f'expected {values[name].parser.syntactic_help}'
  return f'--{name}={value} is refused: {reason.rstrip(".")}.'


class Definer:
  """absl's `DEFINE_*` for the flags of one command.

  define = Definer(values)
  define.integer('num_shards', 4, 'Shards per split.')
  define.path('data_dir', None, 'Folder to convert.')
  """

  def __init__(self, values: flags.FlagValues):
    """`values` are those that the flags are added to."""
    self.path = functools.partial(define_path, values)
    self.paths = functools.partial(define_paths, values)
    self.string = self._of(flags.DEFINE_string, values)
    self.multi_string = self._of(flags.DEFINE_multi_string, values)
    self.list = self._of(flags.DEFINE_list, values)
    self.enum = self._of(flags.DEFINE_enum, values)
    self.integer = self._of(flags.DEFINE_integer, values)
    self.float = self._of(flags.DEFINE_float, values)
    self.boolean = self._of(flags.DEFINE_boolean, values)

  def _of(
    self, define: Callable[..., Any], values: flags.FlagValues
  ) -> Callable[..., Any]:
    return functools.partial(define, flag_values=values)
