"""The program `deeplab-nas`: which command it runs, and what it says."""

from __future__ import annotations

import subprocess
import sys

import pytest

from deeplab_nas import commands
from deeplab_nas.cli import main
from tests import command


@pytest.mark.parametrize('words', [[], ['--help'], ['-h'], ['help']])
def test_the_commands_are_listed_with_a_line_each(words):
  result = command.program(*words)
  assert result.returncode == 0
  lines = result.stdout.splitlines()
  for name in main.COMMANDS:
    (line,) = [x for x in lines if x.startswith(f'  {name}  ')]
    assert line.endswith('.') and len(line) > 30


def test_the_converters_are_listed():
  result = command.program('convert', '--help')
  assert result.returncode == 0
  assert result.stdout.count('\n  convert ') == 3


@pytest.mark.parametrize(
  'words, sentence',
  [
    (['predikt'], 'There is no command predikt: did you mean predict?'),
    (['zzz'], 'There is no command zzz: deeplab-nas --help lists'),
    (['--mode=train'], 'The first word is a command, not --mode=train'),
    (['convert'], 'Say what to convert: convert folder, convert cityscapes'),
    (['convert', '--data_dir=a'], 'Say what to convert: convert folder'),
    (['train', '--mode=train'], 'There is no flag --mode: '),
    (['search', '--genotype=a'], 'There is no flag --genotype: '),
    (['eval', '--resume'], 'There is no flag --resume: '),
    (['search', '--seed=3'], 'it is a setting, --set=runtime.seed=VALUE.'),
    (['export'], 'the folder that deeplab-nas train wrote'),
    (
      ['search', '--config=quickstart'],
      'the folder that deeplab-nas convert wrote',
    ),
  ],
)
def test_a_mistake_gets_a_sentence_with_the_program_in_it(words, sentence):
  assert sentence in command.refusal(command.program(*words))


def test_the_same_mistake_at_a_script_names_scripts():
  result = command.here('scripts/export_model.py')
  assert 'that scripts/train.py --mode=train wrote' in command.refusal(result)


def test_scripts_are_those_of_their_commands():
  for name, (script, *_) in commands.SCRIPTS.items():
    if script.endswith('.py') and '*' not in script:
      text = (command.ROOT / script).read_text('utf-8')
      what = 'None' if script == 'scripts/train.py' else f"'{name}'"
      assert f'main.script({what})' in text or 'doctor.DOCTOR' in text


def test_a_mistake_is_answered_without_tensorflow():
  program = (
    'import sys\n'
    'from deeplab_nas.cli import main\n'
    'for name in main.COMMANDS:\n'
    '  assert main.run([*name.split(), "--zzz"]) == 2\n'
    'sys.exit("tensorflow" in sys.modules)\n'
  )
  result = subprocess.run(
    [sys.executable, '-c', program], capture_output=True, text=True
  )
  assert result.returncode == 0
  assert result.stderr.count('There is no flag --zzz') == len(main.COMMANDS)


def test_the_name_datasets_is_left_to_others():
  import importlib.util

  found = importlib.util.find_spec('datasets')
  assert found is None or found.origin != str(
    command.ROOT / 'datasets' / '__init__.py'
  )
  assert not (command.ROOT / 'datasets' / '__init__.py').exists()
