"""The command that times a search."""

from __future__ import annotations

import functools
import json

import pytest

from tests import command

TINY = (
  '--num_layers=1',
  '--filter_multiplier=2',
  '--num_blocks=1',
  '--crop_size=33',
  '--num_classes=3',
  '--num_runs=1',
  '--kind=weight',
)


run = functools.partial(command.run, 'scripts/benchmark_search.py')


@pytest.mark.slow
def test_two_settings_give_two_lines_of_json():
  result = run(*TINY, '--versus=runtime.inter_op_threads=1,runtime.seed=1')
  assert result.returncode == 0, result.stderr
  first, second = map(json.loads, result.stdout.splitlines())
  assert first['case'] == 'weight L=1 F=2 B=1 auto_deeplab 2x33x33'
  assert second['case'].endswith(' runtime.inter_op_threads=1 runtime.seed=1')
  assert first['ratio'] == 1 and second['ratio'] > 0
  assert [line['threads']['inter_op'] for line in (first, second)] == [2, 1]
  for noise in ('Warning', 'Traceback', 'cuDNN'):
    assert noise not in result.stderr


@pytest.mark.soak
@pytest.mark.parametrize(
  ('flags', 'expected'),
  [
    ((), [(1, 1), (1, 2), (2, 1), (2, 2)]),
    (('--one_at_a_time',), [(1, 1), (2, 1), (1, 2)]),
  ],
)
def test_lists_of_sizes_give_a_grid(flags, expected):
  lists = '--num_layers=1,2', '--num_blocks=1,2'
  result = run(*TINY, *lists, *flags, '--table')
  assert result.returncode == 0, result.stderr
  found = [
    (line['facts']['num_layers'], line['facts']['num_blocks'])
    for line in map(json.loads, result.stdout.splitlines())
  ]
  assert found == expected
  assert '| weight L=2 F=2 B=1 auto_deeplab 2x33x33 |' in result.stderr


@pytest.mark.parametrize(
  ('flag', 'sentence'),
  [
    ('--kind=weights', '--kind=weights is unknown: use some of weight, arch'),
    ('--num_layers=4,0', 'space.num_layers is 0'),
    ('--versus=runtime.threads=2', 'There is no setting runtime.threads'),
    ('--primitives=dart', "space.primitives is 'dart'"),
  ],
)
def test_a_mistake_is_refused_at_once(flag, sentence):
  result = run(*TINY, flag)
  assert result.returncode == 2
  assert result.stderr.startswith('error: ' + sentence)
  assert result.stdout == ''
