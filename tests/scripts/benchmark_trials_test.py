"""The command that times trials."""

from __future__ import annotations

import json

import pytest

from tests import command
from tests.scripts import tiny_trials


@pytest.mark.slow
def test_a_trial_is_timed(records):
  result = command.run(
    'scripts/benchmark_trials.py',
    f'--data_dir={records}',
    '--num_layers=1',
    '--num_blocks=1',
    '--num_trials=1',
    '--steps=3',
    '--set=train.recalibration_batches=3',
    *tiny_trials.FLAGS,
  )
  assert result.returncode == 0, result.stderr
  (line,) = map(json.loads, result.stdout.splitlines())
  assert line['failure'] is None
  assert 0 < line['building'] < line['overhead'] < 1
  assert line['building_seconds'] > line['start_seconds'] - line['step_seconds']
  steps = 3 * line['step_seconds']
  assert abs(line['seconds'] * (1 - line['overhead']) - steps) < 0.01
  assert line['cores'] >= 1


def test_spaces_are_pairs(records):
  result = command.run(
    'scripts/benchmark_trials.py', f'--data_dir={records}', '--num_layers=1'
  )
  assert 'as many numbers' in command.refusal(result)
