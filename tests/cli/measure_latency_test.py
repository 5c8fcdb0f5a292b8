"""`measure_latency`, and what `pick` does with its table, in this process."""

from __future__ import annotations

import re

import pytest

from deeplab_nas.runtime import other_load, tensorflow_setup
from deeplab_nas.space import genotype, latency
from tests import command
from tests.search import pick_test

SMALL = (
  '--set=network.head_filters=8',
  '--set=network.stem_filters=[2, 4, 6]',
  '--set=network.aspp_rates=[2]',
)
# Each operation once: no time here has to be right.
QUICK = ('--repeats=1', '--rounds=1', '--calibrate=1')


@pytest.fixture
def run(tmp_path):
  return pick_test.make_search(
    tmp_path / 'run', [flag[len('--set=') :] for flag in SMALL]
  )[0]


@pytest.fixture
def used(monkeypatch):
  """Of a process that computed already, threads are what they are."""
  monkeypatch.setattr(tensorflow_setup, 'use_cpu', lambda threads: None)


def test_a_table_is_measured_compared_and_picked_by(run, used, tmp_path):
  table = tmp_path / 'some' / 'latency.json'
  picked, other = tmp_path / 'picked.json', tmp_path / 'other.json'
  result = command.program(
    'pick', f'--run_dir={run}', f'--output={picked}', '--num_alternatives=0'
  )
  assert result.returncode == 0, result.stderr
  measure = (
    'measure_latency',
    f'--run_dir={run}',
    '--image_size=40x60',
    f'--genotypes={picked}',
    '--widths=6,6.5',
    '--stem_and_head=0.5,1',
    '--threads=1',
    f'--output={table}',
    *QUICK,
  )
  result = command.program(*measure, '--check=1')
  assert result.returncode == 0, result.stderr
  found = latency.load(table, (40, 60))
  assert found.threads == 1
  summary, *_, errors, last = result.stdout.splitlines()
  assert f'times {len(found.milliseconds)} operations on' in summary
  assert f'40 x 60 pixels; a network takes {found.factor:.3f} times' in summary
  assert found.factor != 1
  assert 'measure with --threads=1' not in result.stderr
  assert errors.startswith('1 networks: Spearman')
  assert re.fullmatch(
    r'1 other networks take \d+\.\d{3} times what the table says now; with'
    r' that, median error \d+\.\d %',
    last,
  )
  assert {1, 2} <= {
    op.out_channels for op in found.milliseconds if op.in_channels == 3
  }  # of the stem and of half of it
  digest = genotype.Genotype.load(picked).digest
  assert result.stdout.splitlines()[-3].startswith(digest)
  before = table.read_text()
  assert command.program(*measure).returncode == 0
  assert table.read_text() == before  # nothing was missing
  # All that this network needs was timed, but not all that others need.
  result = command.program(
    'pick',
    f'--run_dir={run}',
    f'--latency_table={table}',
    '--max_latency_ms=1e6',
    f'--output={other}',
  )
  assert 'the latency table lacks' in command.refusal(result)


def test_it_is_said_that_the_machine_was_busy(used, tmp_path, monkeypatch):
  busy = iter((0.0, 1e9))
  monkeypatch.setattr(other_load, 'busy_seconds', lambda: next(busy))
  zoo = tmp_path / 'small.json'
  genotype.Genotype(
    (0,) * 4, ((('prev', 'skip_connect'), ('prev_prev', 'skip_connect')),) * 2
  ).save(zoo)
  line = (
    'measure_latency',
    '--config=quickstart',
    '--image_size=40x60',
    '--widths=2',
    f'--genotypes={zoo}',
    f'--output={tmp_path / "latency.json"}',
    '--threads=2',
    *SMALL,
    *QUICK,
  )
  result = command.program(*line)
  assert result.returncode == 0, result.stderr
  assert 'Other programs had 100 % of the machine' in result.stderr
  assert 'to compare architectures, measure with --threads=1' in result.stderr
  assert 'Other programs' not in command.program(*line).stderr  # timed nothing


@pytest.mark.parametrize(
  'flags, sentence',
  [
    ([], '--run_dir=DIR, the folder of a run, or with --config'),
    (['--run_dir=RUN', '--config=quickstart'], 'one of both'),
    (['--run_dir=nowhere'], 'nowhere is no run folder'),
    (['--config=nothing'], '--config=nothing is neither'),
    (['--config=quickstart', '--image_size=7'], '--image_size=7 is no size'),
    (['--config=quickstart', '--image_size=32x99'], '32 x 99 pixels are too'),
    (['--config=quickstart', '--widths=4,x'], '--widths=4,x is refused'),
    (['--config=quickstart', '--widths=0.5'], '--widths=0.5 is refused'),
    (['--config=quickstart', '--stem_and_head=0'], '--stem_and_head=0 is'),
    (['--config=quickstart', '--stem_and_head=x'], '--stem_and_head=x is'),
    (['--config=quickstart', '--widths=nan'], '--widths=nan is refused'),
    (['--config=quickstart', '--widths=inf'], '--widths=inf is refused'),
    (['--config=quickstart', '--repeats=0'], '--repeats=0 is refused'),
    (['--config=quickstart', '--genotypes=no.json'], 'no.json'),
    (
      ['--config=quickstart', '--genotypes=zoo:auto_deeplab'],
      'Nothing can be measured',
    ),
  ],
)
def test_a_mistake_is_a_sentence(run, flags, sentence, tmp_path, monkeypatch):
  monkeypatch.chdir(tmp_path)
  flags = [flag.replace('RUN', str(run)) for flag in flags]
  result = command.program('measure_latency', *flags)
  assert sentence in command.refusal(result)
  assert not (tmp_path / 'latency.json').exists()


def test_a_table_of_another_size_is_left_alone(used, tmp_path):
  table = latency.LatencyTable(latency.this_machine(), (33, 65), {})
  table.save(tmp_path / 'latency.json')
  result = command.program(
    'measure_latency',
    '--config=quickstart',
    '--image_size=40x60',
    f'--output={tmp_path / "latency.json"}',
  )
  assert 'is of images of 33 x 65 pixels' in command.refusal(result)
  assert (tmp_path / 'latency.json').read_text() == table.to_json()
