"""The command that times a network and its export."""

from __future__ import annotations

import functools
import json

import pytest

from tests import command
from tests.serving import tiny

run = functools.partial(command.run, 'scripts/benchmark_inference.py')


@pytest.mark.slow
def test_a_line_of_json_for_each_case(tmp_path):
  tiny.GENOTYPE.save(tmp_path / 'genotype.json')
  result = run(
    f'--genotype={tmp_path / "genotype.json"}',
    '--filter_multiplier=1',
    '--size=33',
    '--num_runs=1',
    '--table',
  )
  assert result.returncode == 0, result.stderr
  lines = [json.loads(line) for line in result.stdout.splitlines()]
  names = [line['case'] for line in lines]
  assert names == ['network', 'predict', 'export', 'same process']
  for line in lines[:3]:
    assert line['percent_of_matrix_peak'] > 0 and line['peak_bytes'] > 0
    assert line['machine']['packages']['tensorflow']
  assert lines[3]['facts']['export_to_network'] > 0
  assert '| export |' in result.stderr


@pytest.mark.parametrize(
  ('flag', 'sentence'),
  [
    ('--genotype=zoo:nothing', 'The genotype zoo:nothing cannot be used'),
    ('--genotype=missing.json', 'The genotype missing.json cannot be used'),
  ],
)
def test_a_mistake_is_refused_at_once(flag, sentence):
  result = run(flag)
  assert result.returncode == 2
  assert result.stderr.startswith('error: ' + sentence)
  assert result.stdout == ''


@pytest.mark.parametrize(
  'flags, part',
  [
    (['--image_size=9'], '--image_size=9 is no size'),
    (['--run_dir=/none'], '/none is no run folder'),
    (['--beside=/none'], 'give the first by --run_dir'),
    (
      ['--run_dir=/none', '--beside=/none', '--tflite'],
      '--beside times exports alone: leave out --tflite',
    ),
    (['--run_dir=gs://a/b'], '--run_dir=gs://a/b is refused'),
    (['--genotype=zoo:none'], 'known are auto_deeplab'),
  ],
)
def test_a_mistake_shows_before_the_work(flags, part):
  assert part in command.refusal(run(*flags))
