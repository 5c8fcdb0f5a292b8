"""The program `deeplab-nas`, and what a script of the checkout starts with."""

from __future__ import annotations

import contextlib
import difflib
import errno
import faulthandler
import gc
import importlib
import sys
from collections.abc import Callable, Sequence

from deeplab_nas import commands
from deeplab_nas.cli import command as command_lib
from deeplab_nas.cli import flags as flags_lib
from deeplab_nas.runtime import console

# Where each command is, so that one is not kept waiting by another's imports.
COMMANDS: dict[str, str] = {
  'quickstart': 'quickstart.QUICKSTART',
  'scenes': 'scenes.SCENES',
  'convert folder': 'convert.FOLDER',
  'convert cityscapes': 'convert.CITYSCAPES',
  'convert voc': 'convert.VOC',
  'check': 'check.CHECK',
  'search': 'train.SEARCH',
  'measure_latency': 'measure_latency.MEASURE_LATENCY',
  'pick': 'pick.PICK',
  'rank-correlation': 'rank_correlation.RANK_CORRELATION',
  'train': 'train.TRAIN',
  'eval': 'train.EVAL',
  'compare': 'compare.COMPARE',
  'compare-strategies': 'compare_strategies.COMPARE_STRATEGIES',
  'export': 'export.EXPORT',
  'predict': 'predict.PREDICT',
  'client': 'client.CLIENT',
  'import-tf1': 'import_tf1.IMPORT_TF1',
  'doctor': 'doctor.DOCTOR',
}
_SCRIPT_OF_MODES = 'train.SCRIPT'


def load(name: str) -> command_lib.Command:
  """The command of a key of `COMMANDS`."""
  return _load(COMMANDS[name])


def load_script_of_modes() -> command_lib.Command:
  """The command of scripts/train.py, whose mode is a flag."""
  return _load(_SCRIPT_OF_MODES)


def run(arguments: Sequence[str]) -> int:
  """Runs `deeplab-nas` in this process.

  Args:
    arguments: What follows the program's name.

  Returns:
    The exit code.
  """
  with commands.typed(commands.PROGRAM):
    words = list(arguments)
    if not words or flags_lib.asks_for_help(words[:1]) or words[0] == 'help':
      print(overview())
      return 0
    for length in (2, 1):
      name = ' '.join(words[:length])
      if name in COMMANDS:
        return command_lib.run(
          load(name), words[length:], (commands.PROGRAM, *words[:length])
        )
    if words[0] == 'convert' and flags_lib.asks_for_help(words[1:2]):
      print(overview('convert'))
      return 0
    print(f'error: {_unknown(words)}', file=sys.stderr)
    return command_lib.USER_ERROR_EXIT_CODE


def run_script(name: str | None, arguments: Sequence[str], script: str) -> int:
  """Runs a script of the checkout in this process; returns its exit code.

  Args:
    name: The command; None for scripts/train.py, whose mode is a flag.
    arguments: What follows the script's name.
    script: Its path, as it was typed.
  """
  found = load_script_of_modes() if name is None else load(name)
  with commands.typed(commands.SCRIPT):
    return command_lib.run(found, arguments, (script,))


def script(name: str | None) -> None:
  """The `main` of a script: `run_script` with this process' command line."""
  _run_process(lambda: run_script(name, sys.argv[1:], sys.argv[0]))


def script_of_globals(main, name: str, doc: str) -> None:
  """The `main` of a script that defines its flags in absl's `FLAGS`.

  Args:
    main: Takes the command line.
    name: Path of the script below the root.
    doc: Its docstring: a summary, examples, and what more there is to say.
  """
  summary, _, text = doc.partition('\n\n')
  found = command_lib.Command(
    name=name,
    summary=summary,
    define=flags_lib.add_global,
    main=lambda _, argv: main(argv),
    examples=(),
    text=text,
  )
  with commands.typed(commands.SCRIPT):
    _run_process(lambda: command_lib.run(found, sys.argv[1:], sys.argv[:1]))


def main() -> None:
  """What the program `deeplab-nas` calls."""
  _run_process(lambda: run(sys.argv[1:]))


def overview(prefix: str = '') -> str:
  """What `deeplab-nas --help` prints: a line for each command.

  Args:
    prefix: The first word of those to list; '' for all.
  """
  lines = [
    f'  {name:<20}{load(name).summary}'
    for name in COMMANDS
    if not prefix or name.split()[0] == prefix
  ]
  program = ' '.join([commands.PROGRAM, prefix]).strip()
  return '\n'.join(
    (
      f'{program} COMMAND --flag=value ...',
      '',
      *lines,
      '',
      f'{commands.PROGRAM} COMMAND --help says more of one; begin with'
      f' {commands.PROGRAM} quickstart.',
    )
  )


def _load(place: str) -> command_lib.Command:
  module, name = place.split('.')
  return getattr(importlib.import_module(f'deeplab_nas.cli.{module}'), name)


def _unknown(words: Sequence[str]) -> str:
  if words[0].startswith('-'):
    return (
      f'The first word is a command, not {words[0]}: {commands.PROGRAM} --help'
      ' lists them.'
    )
  if words[0] == 'convert':
    kinds = [name for name in COMMANDS if name.startswith('convert ')]
    return f'Say what to convert: {", ".join(kinds)}.'
  near = difflib.get_close_matches(words[0], COMMANDS, 1)
  advice = (
    f'did you mean {near[0]}?'
    if near
    else f'{commands.PROGRAM} --help lists the commands.'
  )
  return f'There is no command {words[0]}: {advice}'


def _run_process(answer: Callable[[], int]) -> None:
  """Runs what gives an exit code, and ends the process with it.

  A crash in compiled code says where it was. All text is printed, whatever the
  console lacks; what nobody reads is dropped.
  """
  console.be_lenient()
  console.outlive_readers()
  with contextlib.suppress(OSError, ValueError, RuntimeError):  # no stderr
    faulthandler.enable()
  try:
    code = answer()
    console.flush()
  except OSError as error:
    if error.errno != errno.ENOSPC:
      raise
    with contextlib.suppress(OSError):
      console.flush()
    print(f'error: {command_lib.FULL_DISK}', file=sys.stderr)
    code = command_lib.USER_ERROR_EXIT_CODE
  # To look for cycles among the objects of TensorFlow would take a second.
  gc.freeze()
  sys.exit(code)


if __name__ == '__main__':
  main()
