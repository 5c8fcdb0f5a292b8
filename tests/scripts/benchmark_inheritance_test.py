"""The command that measures what inheritance saves."""

import json

import pytest

from tests import command
from tests.scripts import tiny_trials


@pytest.mark.slow
def test_a_child_is_trained_in_both_ways(records):
  result = command.run(
    'scripts/benchmark_inheritance.py',
    f'--data_dir={records}',
    '--num_pairs=1',
    '--window=2',
    '--set=lemonade.distil_steps=1',
    '--set=space.num_layers=1',
    '--set=space.num_blocks=1',
    '--set=search.trial_steps=[4]',
    *tiny_trials.FLAGS,
  )
  assert result.returncode == 0, result.stderr
  (line,) = map(json.loads, result.stdout.splitlines())
  scores = line['cross_entropy']
  assert set(scores['inherited']) == set(scores['from_scratch']) == {'4'}
  assert scores['inherited']['4'] != scores['from_scratch']['4']
  assert line['steps_distilled'] == bool(line['approximate'])
  at_most = 4 + line['steps_distilled']
  for name in ('to_same_loss', 'to_half_way'):
    assert line[name] is None or 2 <= line[name] <= at_most
