"""The whole way by the commands that a user types."""

from __future__ import annotations

import json

import pytest

from deeplab_nas.space import genotype
from tests import command
from tests.scripts import scenes
from tests.search import draw

TINY = (
  'space.num_layers=1',
  'space.num_blocks=1',
  'space.filter_multiplier=2',
  'data.crop_size=[33, 33]',
  'data.batch_size=2',
  'search.epochs=2',
  'search.arch_start_epoch=1',
  'runtime.num_panels=2',
)

pytestmark = pytest.mark.slow


@pytest.fixture(scope='module')
def records(tmp_path_factory):
  return scenes.make(tmp_path_factory.mktemp('data'))


def train(records, drawn, *flags, run=command.here):
  return run(
    'scripts/train.py',
    '--mode=search',
    '--config=quickstart',
    f'--data_dir={records}',
    *(f'--set={setting}' for setting in (*TINY, *drawn.flags)),
    *flags,
  )


def test_a_search_runs_is_kept_and_resumes(records, tmp_path):
  folder, drawn = tmp_path / 'run', draw.of('from a shell')
  first = train(records, drawn, f'--run_dir={folder}', run=command.run)
  assert first.returncode == 0, first.stderr
  found = genotype.Genotype.load(folder / 'genotype.json')
  assert found.digest in first.stdout
  assert 'Traceback' not in first.stderr
  for noise in ('Warning', 'cuDNN', 'oneDNN', 'AVX'):
    assert noise not in first.stderr
  assert (folder / 'summary.txt').read_text().strip() == first.stdout.strip()

  refused = train(records, drawn, f'--run_dir={folder}')
  assert refused.returncode == 2
  assert 'add --resume' in refused.stderr

  resumed = train(records, drawn, f'--run_dir={folder}', '--resume')
  assert resumed.returncode == 0, resumed.stderr
  assert genotype.Genotype.load(folder / 'genotype.json') == found
  lines = (folder / 'metrics.jsonl').read_text().splitlines()
  assert [json.loads(line)['epoch'] for line in lines] == [1, 2]
  assert len(json.loads((folder / 'run.json').read_text())['starts']) == 2


def test_a_dry_run_measures_and_writes_nothing(records, tmp_path):
  folder, drawn = tmp_path / 'run', draw.of('dry run from a shell')
  result = train(records, drawn, f'--run_dir={folder}', '--dry_run')
  assert result.returncode == 0, result.stderr
  for row in ('one step of the weights', 'peak memory', 'the whole run'):
    assert row in result.stdout
  assert not folder.exists()
