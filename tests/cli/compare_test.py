"""`compare`: two runs, in this process; paths as everywhere."""

from __future__ import annotations

import shlex

import pytest

from tests import command
from tests.evaluate import evaluations


def test_two_runs_are_compared(tmp_path):
  a, b = (
    str(evaluations.write(tmp_path / name, skill))
    for name, skill in (('a', 0.6), ('b', 0.7))
  )
  done = command.program('compare', a, b)
  assert done.returncode == 0, done.stderr
  assert f'A  {a}/eval/val' in done.stdout and 'p = ' in done.stdout


ODD = (
  *('a*b', 'q?', '$HOME', '100%', '%s', 'a;b', '#1', 't\tab', 'back\\slash'),
  *('a,b', 'a=b', 'e[1]', '{x}', "it's", 'say "hi"', ' led ', '-dash', '~x'),
  *('a&b', '(x)', '!', 'n\nl', 'ünï', 'zoo:x', 'a:b'),
)


@pytest.mark.parametrize('name', ODD)
def test_any_name_of_a_folder_is_only_itself(tmp_path, monkeypatch, name):
  monkeypatch.chdir(tmp_path)
  given = f'./{name}' if name[0] in '~-' else name
  evaluations.write(tmp_path / 'plain', 0.6)
  evaluations.write(tmp_path / name, 0.7, name)
  evaluations.write(tmp_path / name, 0.6, 'val')
  done = command.program('compare', given, 'plain', f'--evaluation={name}')
  assert 'plain has no evaluation' in command.refusal(done)
  folder = f'{given}/eval/{name}'
  done = command.program('compare', folder, 'plain')
  assert done.returncode == 0, done.stderr
  assert f'{tmp_path}/{name}/eval/{name}' in done.stdout
  refused = command.refusal(command.program('compare', given, 'plain'))
  flag = shlex.split(refused.partition('choose one with ')[2].rstrip('.\n'))
  assert flag[0].startswith('--evaluation=')


@pytest.mark.parametrize(
  'words, part',
  [
    (
      ['a'],
      'Expected the folders of two runs, not 1: deeplab-nas compare runs/a',
    ),
    (['a', 'gs://b/c'], 'gs://b/c is refused: it is an address'),
    (['a', '~nobody9'], '~nobody9 is refused: there is no home folder'),
    (['/none/a', '/none/b'], '/none/a is not there'),
  ],
)
def test_mistakes_get_a_sentence(words, part):
  assert part in command.refusal(command.program('compare', *words))
