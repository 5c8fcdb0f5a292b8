"""Data that a run can use, and a folder that is left as it was."""

import dataclasses
import json

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


def test_what_is_held_out_makes_the_validation_split_superfluous(config):
  data = dataclasses.replace(config.data, held_out_fraction=0.2)
  absent = dataclasses.replace(data, val_split='absent')
  assert lifecycle.splits(absent) == ('train', '')
  lifecycle.check_data(absent, *lifecycle.splits(absent))


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


def started(config, folder, **values):
  return lifecycle.started(config, str(folder), 'search', ['a'], **values)


def starts(folder):
  return json.loads((folder / 'run.json').read_text('utf-8'))['starts']


@pytest.mark.parametrize(
  'error, end',
  [
    (RuntimeError, 'failed'),
    (KeyboardInterrupt, 'stopped'),
    (errors.Preempted, 'stopped'),
  ],
)
@pytest.mark.parametrize('has_result', [False, True])
def test_only_what_has_an_epoch_outlives_an_error(
  config, tmp_path, error, end, has_result
):
  folder = tmp_path / 'run'
  with pytest.raises(error), started(config, folder) as (run, _):
    assert run.provenance.is_file()
    if has_result:
      run.settle()
    raise error
  assert folder.exists() == has_result
  if has_result:
    assert [x['end'] for x in starts(folder)] == [end]


def test_each_start_has_its_seconds_and_its_end(config, tmp_path):
  folder = tmp_path / 'run'
  for _ in range(2):
    with started(config, folder, resume=True) as (run, found):
      assert found == config
      assert 'end' not in starts(folder)[-1]  # as after a kill
      run.settle()
  first, second = starts(folder)
  assert (first['end'], second['end']) == ('finished', 'finished')
  for record in (first, second):
    assert 0 <= record['seconds'] < 600
  assert first['time'] <= second['time']


def test_a_start_that_is_taken_back_leaves_the_record_before_it(
  config, tmp_path
):
  folder = tmp_path / 'run'
  with started(config, folder) as (run, _):
    run.settle()
  before = starts(folder)
  with pytest.raises(RuntimeError), started(config, folder, resume=True):
    raise RuntimeError
  assert starts(folder) == before


def test_a_run_needs_a_folder(config):
  started = lifecycle.started(config, None, 'search', [])
  with pytest.raises(errors.UserError, match='--run_dir=DIR'), started:
    pass
