"""The page of `--help`: what a command does, an example, every flag."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence

from absl import flags

from deeplab_nas import commands
from deeplab_nas.cli import flags as flags_lib

_WIDTH = 80
# In place of values that a line has no room for.
_ONE_OF_MANY = 'NAME'
# What absl adds to the help of a flag that may be repeated.
_REPEATED = re.compile(r';\s*repeat this option.*', re.DOTALL)


def render(
  summary: str,
  examples: Sequence[Sequence[str]],
  text: str,
  own: flags.FlagValues,
  shared: flags.FlagValues | None = None,
) -> str:
  """The page.

  Args:
    summary: What the command does.
    examples: For each its words: the name of a command and flags.
    text: Paragraphs, each a line or more; wrapped here.
    own: The command's flags.
    shared: The flags of all commands, where they are to be listed.
  """
  paragraphs = [_wrapped(part) for part in text.split('\n\n') if part.strip()]
  shown = '\n'.join(example(*words) for words in examples)
  parts = [summary, shown, *paragraphs, f'flags:\n{_listing(own)}']
  if shared is None:
    parts.append(
      '--debug shows the traceback of an error; --helpfull lists the flags of'
      '\nlogging too.'
    )
  else:
    parts.append(f'flags of all commands:\n{_listing(shared)}')
  return '\n\n'.join(part for part in parts if part)


def example(name: str, *words: str) -> str:
  """A command line over as many lines as it needs, two spaces in."""
  first = commands.words(name)
  if first[0] == commands.python():
    first[0] = 'python'
  lines = [f'  {" ".join(first)}']
  for word in words:
    if len(lines[-1]) + len(word) + 3 > _WIDTH:
      lines[-1] += ' \\'
      lines.append(f'      {word}')
    else:
      lines[-1] += f' {word}'
  return '\n'.join(lines)


def _listing(values: flags.FlagValues) -> str:
  """A few lines for each flag, in the order of their definition."""
  return '\n'.join(_flag(values[name]) for name in values if len(name) > 1)


def _flag(flag: flags.Flag) -> str:
  said = _REPEATED.sub('', str(flag.help))
  if isinstance(flag, flags.EnumFlag):
    said = said.partition('>: ')[2]  # absl's list of the values
    if _kind(flag) == _ONE_OF_MANY:
      said += f' One of {", ".join(flag.parser.enum_values)}.'
  if flag.boolean:
    head = f'--[no]{flag.name}' if flag.default else f'--{flag.name}'
  else:
    head = f'--{flag.name}={_kind(flag)}'
    if flag.default not in (None, '', [], {}):
      default = flag.default_as_str.strip("'")
      said += f' Default: {"this folder" if default == "." else default}.'
  body = '\n'.join(
    textwrap.fill(
      ' '.join(line.split()),
      _WIDTH,
      initial_indent=' ' * 6,
      subsequent_indent=' ' * (8 if number else 6),
      break_on_hyphens=False,
      break_long_words=False,
    )
    for number, line in enumerate(said.splitlines())
  )
  return f'  {head}\n{body}'


def _kind(flag: flags.Flag) -> str:
  """What stands for the value."""
  if isinstance(flag, flags.EnumFlag):
    values = '|'.join(flag.parser.enum_values)
    return (
      values if len(f'  --{flag.name}={values}') <= _WIDTH else _ONE_OF_MANY
    )
  if flags_lib.is_path(flag):
    return 'PATH'
  return {'int': 'N', 'float': 'X'}.get(flag.flag_type(), 'VALUE')


def _wrapped(paragraph: str) -> str:
  if paragraph.startswith(' '):  # laid out by hand
    return paragraph.strip('\n')
  return textwrap.fill(
    ' '.join(paragraph.split()), _WIDTH, break_on_hyphens=False
  )
