"""What is said of wrong flags, and what flags of paths read."""

from __future__ import annotations

import pathlib

import pytest
from absl import flags

from deeplab_nas.cli import flags as flags_lib
from deeplab_nas.cli import main


def values():
  """Flags of all kinds."""
  result = flags.FlagValues()
  define = flags_lib.Definer(result)
  define.boolean('resume', False, '')
  define.integer('size', 1, '', lower_bound=1)
  define.enum('mode', 'a', ['a', 'b'], '')
  define.path('input', None, '', required=True)
  define.paths('others', [], '')
  return flags_lib.add_shared(result)


def sentence(*arguments, setting_named=None):
  found = values()
  with pytest.raises(flags.Error) as caught:
    flags_lib.parse(found, arguments)
  return flags_lib.sentence(caught.value, found, setting_named)


@pytest.mark.parametrize(
  'arguments, text',
  [
    (['--resum'], 'There is no flag --resum: did you mean --resume?'),
    (['--zzz=1'], 'There is no flag --zzz: --help lists the flags.'),
    (
      ['--resume=maybe'],
      '--resume=maybe is refused: write --resume or --noresume.',
    ),
    (['--size=0'], '--size=0 is refused: 0 is not a positive integer.'),
    (['--size=x'], '--size=x is refused: expected a positive integer.'),
    (['--mode=c'], '--mode=c is refused: value should be one of <a|b>.'),
    (['--size'], 'Missing value for flag --size: --help says more.'),
    (['--size=2'], '--input is missing: give --input=VALUE.'),
    (['--flagfile=/no/such'], 'Unable to open flagfile: '),
  ],
)
def test_a_wrong_flag_is_refused_in_a_sentence(arguments, text):
  found = sentence(*arguments)
  assert found.startswith(text) and '\n' not in found


def test_a_setting_is_named():
  assert sentence('--seed=3', setting_named=lambda name: f'a.{name}') == (
    'There is no flag --seed: it is a setting, --set=a.seed=VALUE.'
  )


def test_what_is_no_flag_is_left():
  found = values()
  assert flags_lib.parse(found, ['--input=a', 'b', '--size=3']) == ['b']
  assert (found.input, found.size, found.others) == ('a', 3, [])


def test_home_is_put_in():
  found = values()
  flags_lib.parse(found, ['--input=~/a', '--others=~/b,c'])
  home = pathlib.Path.home()
  assert found.input == f'{home}/a'
  assert found.others == [f'{home}/b', 'c']


@pytest.mark.parametrize(
  'arguments', [['-h'], ['--help'], ['--a', '--helpfull'], ['-help']]
)
def test_help_is_asked_for(arguments):
  assert flags_lib.asks_for_help(arguments)


def test_a_value_does_not_ask_for_help():
  assert not flags_lib.asks_for_help(['--name=help', 'help', '--', '--help'])


# Flags of text that is no path. A new flag has to be one or the other:
# `define_path` if it names files, or in here.
NO_PATHS = {
  'mode',
  'set',
  'distribution',
  'mask_suffix',
  'map',
  'splits',
  'dataset',
  'outputs',
  'scales',
  'score',
  'warmup_size',
  'tflite_size',
  'aspp_rates',
  'server',
  'model_name',
  'evaluation',
  'strategies',
  'budget',
  'image_size',
  'widths',
  'stem_and_head',
}
COMMANDS = [
  *map(main.load, main.COMMANDS),
  main.load_script_of_modes(),
]
FLAGS = [
  (command, name)
  for command in COMMANDS
  for name in command.flags()
  if flags_lib.is_path(command.flags()[name])
]


def run(command, flag, value):
  """What a command says to a value of one of its flags."""
  found = flags_lib.add_shared(command.flags())
  with pytest.raises(flags.Error) as caught:
    flags_lib.parse(found, [f'--{flag}={value}'])
  return flags_lib.sentence(caught.value, found)


@pytest.mark.parametrize('command', COMMANDS, ids=lambda command: command.name)
def test_a_flag_of_text_is_a_path_or_known_as_none(command):
  values = command.flags()
  texts = {
    name
    for name in values
    if isinstance(values[name].default, (str, list, type(None)))
    and not isinstance(values[name], flags.EnumFlag)
    and values[name].flag_type() not in ('int', 'float', 'bool')
    and not flags_lib.is_path(values[name])
  }
  assert texts <= NO_PATHS


def test_each_command_has_a_path():
  assert {command.name for command, _ in FLAGS} == {
    command.name for command in COMMANDS if not command.takes_arguments
  }


@pytest.mark.parametrize('value', ['gs://bucket/a', 's3://b', '~nobody9/a'])
@pytest.mark.parametrize(
  'command, flag', FLAGS, ids=[f'{c.name} {name}' for c, name in FLAGS]
)
def test_no_path_leads_out_of_this_machine(command, flag, value):
  text = run(command, flag, value)
  first = text.splitlines()[0]
  assert first.startswith(f'--{flag}={value} is refused: ')


@pytest.mark.parametrize(
  'command, flag', FLAGS, ids=[f'{c.name} {name}' for c, name in FLAGS]
)
def test_every_path_knows_home(command, flag):
  values = command.flags()
  values[flag].parse('~/x')
  assert str(pathlib.Path.home() / 'x') in values[flag].value
