"""Two runs compared."""

from __future__ import annotations

from tests import command
from tests.evaluate import evaluations


def test_two_runs_are_compared_or_refused(tmp_path):
  a, b = (
    str(evaluations.write(tmp_path / name, skill))
    for name, skill in (('a', 0.6), ('b', 0.7))
  )
  done = command.here('scripts/compare_runs.py', a, b)
  assert done.returncode == 0, done.stderr
  assert f'A  {a}/eval/val' in done.stdout and 'p = ' in done.stdout
  for folders, sentence in (
    ([a], 'Expected the folders of two runs, not 1'),
    ([a, f'{tmp_path}/c'], 'c is not there: give the run folders'),
  ):
    done = command.here('scripts/compare_runs.py', *folders)
    assert done.returncode == 2
    assert done.stderr.startswith('error: ') and sentence in done.stderr
