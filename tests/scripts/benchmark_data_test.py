"""The command that times the data."""

from __future__ import annotations

import functools
import json
import os

import pytest

from tests import command

TINY = ('--num_runs=1', '--num_images=20', '--height=32', '--width=64')


run = functools.partial(command.run, 'scripts/benchmark_data.py')


@pytest.mark.soak
def test_all_parts_give_lines_of_json():
  result = run(*TINY, '--num_files=2,4', '--workers=1,2', '--table')
  assert result.returncode == 0, result.stderr
  lines = list(map(json.loads, result.stdout.splitlines()))
  cores = os.cpu_count()
  assert [line['case'] for line in lines] == [
    'decode 129x129',
    'cached 129x129',
    'augment 129x129',
    f'augment 129x129, {cores} cores busy',
    'converter 32x64, 4 images, 1 workers',
    'converter 32x64, 4 images, 2 workers',
    'memory, converter 32x64, 2 images, 2 workers',
  ]
  for line in lines:
    assert line['images_per_second'] > 0 and line['facts']['images'] > 0
    assert line['peak_bytes'] > 0 and line['machine']
  assert lines[0]['facts']['first_batch_seconds'] > 0
  assert lines[4]['ratio'] == 1 and lines[5]['ratio'] > 0
  for line in lines[4:]:  # of its processes, not of the one that watches
    assert line['facts']['peak_bytes'] > line['peak_bytes']
  for noise in ('Warning', 'Traceback', 'cuDNN'):
    assert noise not in result.stderr


@pytest.mark.parametrize(
  ('flag', 'sentence'),
  [
    ('--part=converters', '--part=converters is unknown: use some of pipeline'),
    ('--workers=1,two', "--workers: 'two' is not a positive whole number."),
    ('--num_files=1,20', '--num_files needs numbers above 1'),
    ('--data_dir=nowhere', 'nowhere/dataset.json does not exist'),
  ],
)
def test_a_mistake_is_refused_at_once(flag, sentence):
  result = run(*TINY, flag)
  assert result.returncode == 2
  assert result.stderr.startswith('error: ' + sentence)
  assert result.stdout == ''
