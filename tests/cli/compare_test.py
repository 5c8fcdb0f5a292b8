"""`compare`: two runs, in this process; paths as everywhere."""

from __future__ import annotations

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
