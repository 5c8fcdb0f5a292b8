from __future__ import annotations

import ast
import pathlib
import re
import shlex
import subprocess
import sys

import pytest

from deeplab_nas import commands
from deeplab_nas.cli import main

ROOT = pathlib.Path(__file__).parents[1]


def test_every_command_has_a_script_and_the_other_way_round():
  assert set(main.COMMANDS) | {'convert'} == set(commands.SCRIPTS)
  for script, *_ in commands.SCRIPTS.values():
    assert list(ROOT.glob(script)), script


def test_a_script_is_named_where_scripts_are_typed(monkeypatch):
  monkeypatch.chdir(ROOT)
  assert commands.name('eval') == 'scripts/train.py --mode=eval'
  assert commands.words('eval', '--run_dir=a b') == [
    commands.python(),
    'scripts/train.py',
    '--mode=eval',
    '--run_dir=a b',
  ]
  assert commands.line('quickstart') == 'bash scripts/quickstart.sh'


def test_the_script_is_found_from_elsewhere(monkeypatch, tmp_path):
  monkeypatch.chdir(tmp_path)
  _, script, *_ = shlex.split(commands.line('check'))
  assert script == f'{ROOT}/datasets/check_data.py'


@pytest.mark.parametrize(
  'value', ['runs/a', 'a b', "it's", '-x', '$HOME', 'a;b', '*', 'new\nline', '']
)
def test_a_flag_in_a_sentence_is_one_word_of_a_shell(value):
  shown = commands.flag('run_dir', pathlib.PurePath(value) if value else '')
  assert shlex.split(shown) == [f'--run_dir={value}']


def test_the_program_is_named_where_it_was_typed():
  with commands.typed(commands.PROGRAM):
    assert commands.name('convert voc') == 'deeplab-nas convert voc'
    assert commands.words('convert voc', '--a=b') == [
      'deeplab-nas',
      'convert',
      'voc',
      '--a=b',
    ]
  assert commands.are_scripts()


def test_the_program_is_named_where_there_are_no_scripts(monkeypatch):
  monkeypatch.setattr(commands, 'is_checkout', lambda: False)
  assert commands.name('train') == 'deeplab-nas train'


def test_processes_that_a_command_starts_know_what_was_typed():
  program = 'from deeplab_nas import commands; print(commands.name("check"))'
  with commands.typed(commands.PROGRAM):
    said = subprocess.check_output([sys.executable, '-c', program], text=True)
  assert said == 'deeplab-nas check\n'


def test_an_unknown_command_is_a_bug():
  with pytest.raises(KeyError):
    commands.name('fly')


# In strings that are no docstrings: what a person without them cannot run.
NAMED = re.compile(r'(scripts|datasets)/\w|--mode=')
# The table of commands; how presets were tried; what is for a checkout only;
# what is said of --mode itself.
ALLOWED = {
  'commands.py',
  'config/presets.py',
  'doctor/packages.py',
  'cli/train.py',
}


def strings(path):
  """The texts of a module without its docstrings."""
  tree = ast.parse(path.read_text('utf-8'))
  statements = {
    id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)
  }
  for node in ast.walk(tree):
    is_text = isinstance(node, ast.Constant) and isinstance(node.value, str)
    if is_text and id(node) not in statements:
      yield node.value


def test_no_message_names_a_script():
  package = ROOT / 'deeplab_nas'
  found = {
    (name, text)
    for path in package.rglob('*.py')
    for name in [str(path.relative_to(package))]
    if name not in ALLOWED
    for text in strings(path)
    if NAMED.search(text)
  }
  assert not found
