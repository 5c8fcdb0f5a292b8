"""The command that races strategies."""

from __future__ import annotations

import json
import pathlib
import subprocess
import sys
import time

import pytest

from deeplab_nas import folder_lock
from tests import command

FLAGS = (
  '--strategies=random,regularized_evolution:population_size=12,halving',
  '--budget=10m',
  '--num_runs=4',
)


def records(path: pathlib.Path) -> dict:
  """What was raced, but for the seconds that it took."""
  found = {}
  for line in path.read_text().splitlines()[1:]:
    record = json.loads(line)
    del record['seconds']
    found[record.pop('contestant'), record.pop('run')] = record
  return found


@pytest.mark.slow
def test_a_race_that_was_killed_ends_as_one_that_was_not(tmp_path):
  """Killed after some of its studies; its processes end with it."""
  killed, whole = tmp_path / 'killed.jsonl', tmp_path / 'whole.jsonl'
  result = command.run(
    'scripts/race_strategies.py', *FLAGS, f'--output={whole}'
  )
  assert result.returncode == 0, result.stderr
  assert len(records(whole)) == 12
  flags = (*FLAGS, f'--output={killed}', '--processes=2')
  process = subprocess.Popen(
    [sys.executable, 'scripts/race_strategies.py', *flags],
    cwd=command.ROOT,
    stderr=subprocess.DEVNULL,
  )
  while process.poll() is None:
    if killed.exists() and killed.read_text().count('\n') > 3:
      process.kill()
    time.sleep(0.01)
  process.wait()
  before = len(killed.read_text().splitlines()) - 1
  assert process.returncode == -9 and 2 < before < 12
  picture = tmp_path / 'races.png'
  result = command.run(
    'scripts/race_strategies.py', *flags, f'--picture={picture}'
  )
  assert result.returncode == 0, result.stderr
  assert records(killed) == records(whole)
  assert '| `halving` | 4 |' in result.stdout
  assert picture.read_bytes().startswith(b'\x89PNG')


def test_what_cannot_race_is_refused_in_a_sentence(tmp_path):
  for flags, text in (
    (['--strategies=first_order'], 'trains no networks of its own'),
    (['--arena=hills'], "expected 'table', or 'made_up:0.8'"),
    (['--budget='], "write a time such as '1h'"),
  ):
    result = command.run(
      'scripts/race_strategies.py', f'--output={tmp_path / "x"}', *flags
    )
    assert result.returncode == 2 and text in result.stderr


def test_another_race_on_a_file_is_refused_and_its_table_is_not(tmp_path):
  path = tmp_path / 'races.jsonl'
  flags = ('--strategies=random', '--budget=10m', f'--output={path}')
  script = 'scripts/race_strategies.py'
  assert command.run(script, *flags, '--num_runs=1').returncode == 0
  lock = folder_lock.take(path)
  result = command.run(script, *flags, '--num_runs=2')
  assert 'Another process is writing to' in command.refusal(result)
  result = command.run(script, *flags, '--num_runs=0')
  assert '| `random` | 1 |' in result.stdout
  del lock
