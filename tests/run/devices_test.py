"""Two devices do what one does; what is missing for more is named."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from deeplab_nas import errors
from deeplab_nas.config import runtime as config_runtime
from deeplab_nas.run import devices
from tests import command
from tests.data import tiny_folder
from tests.evaluate import evaluator_test
from tests.search import draw
from tests.train import records as records_lib


def config(**settings):
  return config_runtime.RuntimeConfig(**settings)


def test_without_distribution_nothing_changes():
  strategy = devices.strategy(config())
  assert strategy is tf.distribute.get_strategy()
  batches = tf.data.Dataset.range(3)
  assert devices.distributed(batches, strategy) is batches
  assert devices.replica_batch(strategy, 7) == 7
  assert not devices.synchronizes_norms(config(), 1)


def test_norms_are_synchronized_where_batches_are_small():
  mirrored = config(distribution='mirrored')
  assert devices.synchronizes_norms(mirrored, 2)
  assert not devices.synchronizes_norms(mirrored, 16)
  for is_on in (True, False):
    chosen = config(distribution='mirrored', sync_batch_norm=is_on)
    assert devices.synchronizes_norms(chosen, 2) == is_on


def test_a_batch_that_cannot_be_divided_is_refused():
  class Strategy:
    num_replicas_in_sync = 2

  assert devices.replica_batch(Strategy, 4) == 2
  with pytest.raises(errors.UserError, match='is 5, expected a multiple of'):
    devices.replica_batch(Strategy, 5)


@pytest.fixture(scope='module')
def records(tmp_path_factory):
  """Five to validate, so that the last batch is short."""
  return records_lib.make(tmp_path_factory.mktemp('data'), num_images=25)


def results(mode, records, folder, more=()):
  """What one and two devices come to, in a process that has two."""
  subprocess.run(
    [
      sys.executable,
      '-m',
      'tests.train.two_devices',
      mode,
      str(records),
      str(folder),
      json.dumps(dict(more)),
    ],
    cwd=command.ROOT,
    env={**os.environ, 'PYTHONPATH': str(command.ROOT)},
    check=True,
  )
  return [
    json.loads((folder / name / 'result.json').read_text())
    for name in ('none', 'mirrored')
  ]


@pytest.mark.slow
def test_two_devices_validate_exactly_as_one(records, tmp_path):
  one, two = results('eval', records, tmp_path)
  assert one == two
  matrix, whole = one
  # Every pixel that counts of five images, once.
  assert np.sum(matrix) == 5 * np.sum(tiny_folder.stripes() != 255)
  # Three images of three sizes, so that a device has none in the last round.
  assert whole['num_images'] == len(evaluator_test.SIZES)
  assert np.count_nonzero(np.sum(whole['confusion'], 0)) > 1


@pytest.fixture(scope='module')
def partly_blank(tmp_path_factory):
  """Batches in which a replica has fewer pixels that count, or none."""
  root = tmp_path_factory.mktemp('partly_blank')
  return records_lib.make(root, num_images=25, num_blank=12)


@pytest.mark.slow
@pytest.mark.parametrize('mode, tolerance', [('search', 1e-3), ('train', 1e-2)])
def test_two_devices_agree_with_one(partly_blank, tmp_path, mode, tolerance):
  """Fifteen steps; drop path, dropout and averages too.

  Keras' synchronised norm of a training computes variances less exactly.
  """
  more = draw.of('two devices').settings if mode == 'search' else {}
  one, two = results(mode, partly_blank, tmp_path, more)
  assert len(one['metrics']) == len(two['metrics']) == 3
  for epoch, expected in enumerate(one['metrics']):
    actual = two['metrics'][epoch]
    for name in ('loss', 'val_loss', 'arch_loss', 'alpha_entropy'):
      if expected.get(name) is not None:
        limit = tolerance if epoch else 1e-4
        assert actual[name] == pytest.approx(expected[name], rel=limit), name
  assert set(one['values']) == set(two['values'])
  for name, value in one['values'].items():
    if 'metric' not in name:
      np.testing.assert_allclose(
        two['values'][name], value, rtol=0.1, atol=tolerance, err_msg=name
      )
