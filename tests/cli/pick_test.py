"""`pick`, in this process."""

from __future__ import annotations

import subprocess
import sys

import pytest

from deeplab_nas.search import pick
from deeplab_nas.space import genotype
from tests import command
from tests.search import pick_test


@pytest.fixture
def run(tmp_path):
  return pick_test.make_search(tmp_path / 'run')[0]


def test_the_best_within_the_limits_is_written(run, tmp_path):
  search = pick.read(run)
  (free,) = search.best(1)
  cost = search.model.of(free.genotype)
  budget = {
    'macs': 0.99 * cost.macs,
    'params': 0.99 * cost.params,
    'activation_bytes': 2e6 * round(cost.activation_bytes / 1e6),
  }
  output = tmp_path / 'some' / 'genotype.json'
  result = command.program(
    'pick',
    f'--run_dir={run}',
    f'--output={output}',
    f'--max_macs={budget["macs"]}',
    f'--max_parameters={budget["params"]}',
    f'--max_activation_mb={budget["activation_bytes"] / 1e6}',
  )
  assert result.returncode == 0, result.stderr
  found = search.best(5, budget)
  picked = genotype.Genotype.load(output)
  assert picked == found[0].genotype != free.genotype
  assert pick.describe(search, found, free, budget) in result.stdout
  assert f'Picked {picked.digest}:\n{picked}' in result.stdout
  again = command.program('pick', f'--run_dir={run}', f'--output={output}')
  assert 'is there already: add --overwrite' in command.refusal(again)
  again = command.program(
    'pick', f'--run_dir={run}', f'--output={output}', '--overwrite'
  )
  assert again.returncode == 0
  assert genotype.Genotype.load(output) == free.genotype


def test_nothing_is_written_without_an_output(run, tmp_path):
  before = sorted(tmp_path.rglob('*'))
  result = command.program(
    'pick',
    f'--run_dir={run}',
    '--num_alternatives=0',
    '--image_size=129x65',
    '--filter_multiplier=2.5',
  )
  assert result.returncode == 0, result.stderr
  assert 'F = 2.5 for 19 classes at 129 x 65 pixels' in result.stdout
  assert len(result.stdout.partition('\n\n')[0].splitlines()) == 4
  assert sorted(tmp_path.rglob('*')) == before


@pytest.mark.parametrize(
  'flags, sentence',
  [
    ([], '--run_dir is missing'),
    (['--run_dir=nowhere'], 'nowhere is no run folder'),
    (
      ['--run_dir=RUN', '--max_macs=7'],
      'has at most 7 multiply-adds: the cheapest',
    ),
    (['--run_dir=RUN', '--max_latency_ms=7'], '--latency_table=FILE'),
    (['--run_dir=RUN', '--max_macs=inf'], 'inf, expected a finite number'),
    (['--run_dir=RUN', '--output=.'], '--output=. is a folder'),
    (['--run_dir=RUN', '--image_size=7'], '--image_size=7 is no size'),
    (['--run_dir=RUN', '--filter_multiplier=0.5'], 'filter_multiplier is 0.5'),
    (
      ['--run_dir=RUN', '--latency_table=nowhere.json'],
      'The latency table',
    ),
  ],
)
def test_a_mistake_is_a_sentence(run, flags, sentence):
  flags = [flag.replace('RUN', str(run)) for flag in flags]
  assert sentence in command.refusal(command.program('pick', *flags))


def test_tensorflow_is_not_needed(run):
  program = (
    'import sys\n'
    'from deeplab_nas.cli import main\n'
    f'assert main.run(["pick", "--run_dir={run}"]) == 0\n'
    'sys.exit("tensorflow" in sys.modules)\n'
  )
  result = subprocess.run(
    [sys.executable, '-c', program], capture_output=True, text=True
  )
  assert result.returncode == 0, result.stderr
  assert '* ' in result.stdout
