"""Data that a run can use, and a folder that is left as it was."""

import dataclasses

import pytest

from deeplab_nas import errors
from deeplab_nas.config import config as config_lib
from deeplab_nas.data import dataset_info
from deeplab_nas.run import lifecycle


@pytest.fixture
def config(records):
  return config_lib.Config.from_dict({'data': {'dir': records}})


def refusal(data, *splits):
  with pytest.raises(errors.UserError) as caught:
    lifecycle.check_data(data, *splits)
  return str(caught.value)


def test_data_that_is_there_is_accepted(config):
  assert lifecycle.splits(config.data) == ('train', 'val')
  lifecycle.check_data(config.data, *lifecycle.splits(config.data))


def test_data_that_is_not_there_can_be_named_anew(config):
  assert '--data_dir=DIR' in refusal(config_lib.DataConfig(), 'train')
  moved = dataclasses.replace(config.data, dir=config.data.dir + '_moved')
  sentence = refusal(moved, 'train')
  assert moved.dir in sentence and 'with --data_dir=DIR' in sentence
  assert 'no shards named other-' in refusal(config.data, 'other')


@pytest.mark.parametrize('skipped', [0, 3])
def test_a_split_without_masks_is_refused(config, tmp_path, skipped):
  info = dataset_info.DatasetInfo.load(config.data.dir)
  blank = dataclasses.replace(
    info.splits['val'], class_pixels=(0,) * info.num_classes
  )
  dataclasses.replace(info, splits={**info.splits, 'val': blank}).save(tmp_path)
  data = dataclasses.replace(
    config.data, dir=str(tmp_path), skip_corrupt_records=skipped
  )
  assert 'Split val' in refusal(data, 'val')
  assert 'Splits with labels: train' in refusal(data, 'val')


@pytest.mark.parametrize('error', [RuntimeError, KeyboardInterrupt])
@pytest.mark.parametrize('has_result', [False, True])
def test_only_what_has_an_epoch_outlives_an_error(
  config, tmp_path, error, has_result
):
  folder = tmp_path / 'run'
  started = lifecycle.started(config, str(folder), 'search', ['a'])
  with pytest.raises(error), started as (run, _):
    assert run.provenance.is_file()
    if has_result:
      run.settle()
    raise error
  assert folder.exists() == has_result


def test_a_run_needs_a_folder(config):
  started = lifecycle.started(config, None, 'search', [])
  with pytest.raises(errors.UserError, match='--run_dir=DIR'), started:
    pass
