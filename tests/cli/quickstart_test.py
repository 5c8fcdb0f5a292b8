"""`quickstart`: the commands it runs, which are those of the script."""

from __future__ import annotations

import pathlib
import re
import shlex

from deeplab_nas import commands
from deeplab_nas.cli import flags as flags_lib
from deeplab_nas.cli import main, quickstart
from tests import command


def test_every_step_is_a_command_that_takes_its_flags():
  names = []
  for step in quickstart.steps(pathlib.Path('runs')):
    values = flags_lib.add_shared(main.load(step.name).flags())
    assert flags_lib.parse(values, step.flags) == []
    names.append(step.name)
  assert names == [
    'scenes',
    'convert cityscapes',
    'search',
    'train',
    'eval',
    'export',
    'predict',
  ]


def test_the_script_of_the_checkout_goes_the_same_way():
  text = (command.ROOT / 'scripts' / 'quickstart.sh').read_text('utf-8')
  text = text.replace('\\\n', ' ').replace('$ROOT/', '')
  for name in ('scenes', 'records', 'search', 'train', 'models', 'predictions'):
    value = re.search(rf'^{name}="\$RUNS/(.*)"$', text, re.MULTILINE)[1]
    text = text.replace(f'${name}', f'runs/{value}')
  lines = [line for line in text.splitlines() if line.startswith('python "')]
  found = [shlex.split(line)[1:] for line in lines]
  expected = [
    [*commands.SCRIPTS[step.name], *step.flags]
    for step in quickstart.steps(pathlib.Path('runs'))
  ]
  assert list(map(sorted, found)) == list(map(sorted, expected))


def test_a_step_that_fails_ends_it_with_its_code(tmp_path, capfd):
  (tmp_path / 'runs').write_text('a file')
  result = command.program('quickstart', f'--runs={tmp_path}/runs')
  assert result.returncode == 2
  assert 'Step 1 of 7' in result.stdout and 'Step 2' not in result.stdout
  assert f'deeplab-nas scenes --output_dir={tmp_path}/runs/' in result.stdout
  assert capfd.readouterr().err.startswith('error: ')
