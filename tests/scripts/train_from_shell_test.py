"""A training by the commands that a user types."""

from __future__ import annotations

import json
import shutil

import pytest
import yaml

from tests import command
from tests.scripts import scenes
from tests.scripts import search_from_shell_test as search_test
from tests.train import unfinished

TINY = (
  'data.crop_size=[33, 33]',
  'data.batch_size=4',
  'network.filter_multiplier=2',
  'network.drop_path_keep_prob=0.5',
  'train.epochs=3',
  'train.ema_decay=0.5',
  'runtime.num_panels=1',
)

pytestmark = pytest.mark.slow
records = search_test.records


def train(records, genotype, run_dir, *flags, run=command.here):
  return run(
    'scripts/train.py',
    '--mode=train',
    '--config=quickstart',
    f'--data_dir={records}',
    f'--genotype={genotype}',
    f'--run_dir={run_dir}',
    *(f'--set={setting}' for setting in TINY),
    *flags,
  )


def train_exactly(*arguments):
  """As a shell does, in a process that computes the same each time."""
  exact = '--set=runtime.deterministic=true'
  return train(*arguments, exact, run=command.run)


@pytest.fixture(scope='module')
def whole(records, tmp_path_factory):
  root = tmp_path_factory.mktemp('runs')
  (root / 'found.json').write_text(scenes.GENOTYPE)
  result = train_exactly(records, root / 'found.json', root / 'whole')
  assert result.returncode == 0, result.stderr
  return root / 'whole', result


def test_it_trains_and_says_what_it_reached(whole):
  folder, result = whole
  assert 'Validation mIoU: ' in result.stdout
  assert (folder / 'summary.txt').read_text().strip() == result.stdout.strip()
  for noise in ('Warning', 'Traceback', 'cuDNN', 'AVX'):
    assert noise not in result.stderr


def test_a_stopped_training_goes_on(whole, records):
  folder = whole[0]
  parts = folder.with_name('parts')
  shutil.copytree(folder, parts)
  unfinished.forget_last(parts, number=6)
  result = train_exactly(records, folder / 'genotype.json', parts, '--resume')
  assert result.returncode == 0, result.stderr
  assert 'Resuming after epoch 2, step' in result.stderr
  expected, actual = (
    (path / 'metrics.jsonl').read_text().splitlines()
    for path in (folder, parts)
  )
  assert actual[:2] == expected[:2]
  values = [json.loads(lines[2]) for lines in (actual, expected)]
  for name in ('learning_rate', 'loss', 'val_loss'):
    assert values[0][name] == pytest.approx(values[1][name], rel=1e-4)


def test_its_weights_start_another_training(whole, records):
  folder = whole[0]
  result = train(
    records,
    folder / 'genotype.json',
    folder.with_name('again'),
    f'--init_from={folder}',
    '--set=network.aspp_rates=[2]',
    '--set=train.epochs=1',
    run=command.run,  # other tests in this process may have changed its log
  )
  assert result.returncode == 0, result.stderr
  assert 'Loaded ' in result.stderr and 'aspp/projection' in result.stderr
  lines = (folder.with_name('again') / 'metrics.jsonl').read_text()
  assert len(json.loads(lines)['class_iou']) == 19


def test_a_dry_run_measures_and_writes_nothing(whole, records):
  folder = whole[0].with_name('dry')
  genotype = whole[0] / 'genotype.json'
  result = train(records, genotype, folder, '--dry_run')
  assert result.returncode == 0, result.stderr
  assert 'one step of the weights' in result.stdout
  assert 'architecture' not in result.stdout
  assert not folder.exists()


def test_damaged_records_are_named_or_left_out(whole, records):
  damaged = whole[0].with_name('damaged')
  shutil.copytree(records, damaged)
  shard = min(damaged.glob('train-*'))
  content = bytearray(shard.read_bytes())
  content[-20] ^= 1
  shard.write_bytes(content)
  folder, genotype = whole[0].with_name('sound'), whole[0] / 'genotype.json'
  refused = train(damaged, genotype, folder)
  assert refused.returncode == 2
  assert f'{shard} is damaged in record' in refused.stderr
  assert 'Traceback' not in refused.stderr
  assert not folder.exists()

  skip = '--set=data.skip_corrupt_records=2'
  result = train(damaged, genotype, folder, skip, '--set=train.epochs=1')
  assert result.returncode == 0, result.stderr
  assert f'Left out: {shard}, record ' in result.stderr
  assert '1 records are damaged and left out, of at most 2' in result.stderr
  assert yaml.safe_load((folder / 'config.yaml').read_text())['data'][
    'dir'
  ] == str(damaged)

  evaluated = command.here(
    'scripts/train.py',
    '--mode=eval',
    f'--run_dir={folder}',
    skip,
    '--set=eval.split=train',
  )
  assert evaluated.returncode == 0, evaluated.stderr
  results = json.loads((folder / 'eval' / 'train' / 'results.json').read_text())
  assert results['data_dir'] == str(damaged)
  assert results['num_images'] == 15
