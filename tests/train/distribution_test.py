"""Two devices do what one does; what is missing for more is named."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from deeplab_nas import config_runtime, errors
from deeplab_nas.train import distribution
from tests import command
from tests.data import tiny_folder
from tests.datasets import command as datasets_command


def config(**settings):
  return config_runtime.RuntimeConfig(**settings)


def test_without_distribution_nothing_changes():
  strategy = distribution.strategy(config())
  assert strategy is tf.distribute.get_strategy()
  batches = tf.data.Dataset.range(3)
  assert distribution.distributed(batches, strategy) is batches
  assert distribution.replica_batch(strategy, 7) == 7
  assert not distribution.synchronizes_norms(config(), 1)


def test_norms_are_synchronized_where_batches_are_small():
  mirrored = config(distribution='mirrored')
  assert distribution.synchronizes_norms(mirrored, 2)
  assert not distribution.synchronizes_norms(mirrored, 16)
  for is_on in (True, False):
    chosen = config(distribution='mirrored', sync_batch_norm=is_on)
    assert distribution.synchronizes_norms(chosen, 2) == is_on


def test_a_batch_that_cannot_be_divided_is_refused():
  class Strategy:
    num_replicas_in_sync = 2

  assert distribution.replica_batch(Strategy, 4) == 2
  with pytest.raises(errors.UserError, match='is 5, expected a multiple of'):
    distribution.replica_batch(Strategy, 5)


@pytest.fixture(scope='module')
def records(tmp_path_factory):
  """Images and masks; five to validate, so that the last batch is short."""
  root = tmp_path_factory.mktemp('data')
  tiny_folder.TinyFolder(root / 'folder', [f'image{i}' for i in range(25)])
  result = datasets_command.run(
    'build_folder_data.py',
    f'--data_dir={root}/folder',
    f'--output_dir={root}/records',
    '--val_fraction=0.2',
  )
  assert result.returncode == 0, result.stderr
  return root / 'records'


@pytest.mark.slow
@pytest.mark.parametrize('mode', ['search', 'train'])
def test_two_devices_agree_with_one(records, tmp_path, mode):
  """Twenty steps, drop path and averages too; validation counts equal."""
  results = {}
  for name in ('none', 'mirrored'):
    subprocess.run(
      [
        *(sys.executable, '-m', 'tests.train.two_devices', mode, name),
        *(str(records), str(tmp_path / name)),
      ],
      cwd=command.ROOT,
      env={**os.environ, 'PYTHONPATH': str(command.ROOT)},
      check=True,
    )
    results[name] = json.loads((tmp_path / name / 'result.json').read_text())
  one, two = results['none'], results['mirrored']
  for expected, actual in zip(one['metrics'], two['metrics']):
    for key, value in expected.items():
      if isinstance(value, float) and key != 'data_wait_share':
        assert actual[key] == pytest.approx(value, rel=1e-3, abs=1e-4), key
  assert set(one['values']) == set(two['values'])
  for name, value in one['values'].items():
    np.testing.assert_allclose(
      two['values'][name], value, rtol=2e-3, atol=2e-4, err_msg=name
    )
