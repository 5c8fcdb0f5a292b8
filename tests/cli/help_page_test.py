"""`--help` of every command, and that its examples are right."""

from __future__ import annotations

import shlex

import pytest

from deeplab_nas import commands
from deeplab_nas.cli import flags as flags_lib
from deeplab_nas.cli import help_page, main
from deeplab_nas.config import presets
from tests import command

SCRIPTS = [
  *(words[0] for words in commands.SCRIPTS.values() if '*' not in words[0]),
]
NAMES = list(main.COMMANDS)


def examples(page):
  """The command lines of a help page."""
  before = page.partition('\nflags:\n')[0].replace('\\\n', ' ')
  return [
    shlex.split(line) for line in before.splitlines() if line.startswith('  ')
  ]


@pytest.mark.parametrize('name', NAMES)
def test_it_shows_every_flag_with_what_it_is(name):
  result = command.program(*name.split(), '--help')
  assert result.returncode == 0 and result.stderr == ''
  lines = result.stdout.splitlines()
  assert max(map(len, lines)) <= 80
  for flag in main.load(name).flags():
    (at,) = [
      i
      for i, line in enumerate(lines)
      if line.replace('[no]', '').partition('=')[0] == f'  --{flag}'
    ]
    assert len(lines[at + 1].strip()) > 3


@pytest.mark.parametrize('name', NAMES)
def test_its_examples_are_of_this_command_and_parse(name):
  found = examples(main.load(name).help())
  assert found
  for words in found:
    script = next(
      key
      for key, (script, *first) in commands.SCRIPTS.items()
      if '*' not in script
      and words[1 : 2 + len(first)] == [words[1], *first]
      and words[1].endswith(script)
    )
    first = commands.SCRIPTS[script]
    values = flags_lib.add_shared(main.load(script).flags())
    left = flags_lib.parse(values, words[1 + len(first) :])
    assert main.load(script).takes_arguments or left == []
  assert name in {example[0] for example in main.load(name).examples}


@pytest.mark.parametrize('name', NAMES)
def test_its_examples_are_what_was_typed(name):
  pages = command.program(*name.split(), '--help').stdout
  assert all(words[0] == 'deeplab-nas' for words in examples(pages))


def test_the_script_of_modes_shows_all_three():
  page = command.here('scripts/train.py', '--help').stdout
  assert [words[2] for words in examples(page)] == [
    '--mode=search',
    '--mode=train',
    '--mode=eval',
  ]
  assert '  --mode=VALUE\n' in page


def test_an_example_breaks_between_words():
  flags = [f'--flag{i}={"x" * 20}' for i in range(4)]
  lines = help_page.example('check', *flags).splitlines()
  assert len(lines) > 1 and all(len(line) <= 80 for line in lines)
  assert all(line.endswith(' \\') for line in lines[:-1])
  assert shlex.split(' '.join(lines).replace('\\ ', ' '))[2:] == flags


def test_helpfull_adds_the_flags_of_logging():
  short = command.program('predict', '--help').stdout
  full = command.program('predict', '--helpfull').stdout
  assert '--verbosity' in full and '--verbosity' not in short


def test_choices_are_shown_once():
  page = command.program('predict', '--help').stdout
  assert '  --checkpoint=best|last\n      Which one' in page


def test_what_may_be_repeated_says_so_once():
  page = command.program('search', '--help').stdout
  _, _, after = page.partition('  --set=VALUE\n')
  lines = after.partition('\n  --')[0].splitlines()
  assert lines == [
    '      Changes a setting: section.key=value; may be repeated.'
  ]


def test_each_preset_has_a_line():
  lines = command.program('search', '--help').stdout.splitlines()
  for name in ('auto', *presets.PRESETS):
    assert [x for x in lines if x.startswith(f'      {name}: ')]


def test_the_folder_of_the_shell_is_a_default_in_words():
  page = command.program('doctor', '--help').stdout
  assert 'write to. Default: this folder.\n' in page
