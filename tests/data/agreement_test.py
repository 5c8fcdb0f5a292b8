from __future__ import annotations

import dataclasses

import pytest
import tensorflow as tf

from deeplab_nas import errors
from deeplab_nas.data import agreement, conversion, dataset_info, layouts
from tests.data import tiny_folder

SPLITS = ('train', 'val', '')
SHARD = 'train-00000-of-00001.tfrecord'


@pytest.fixture
def data_dir(tmp_path):
  folder = tiny_folder.TinyFolder(tmp_path / 'data')
  output = conversion.Output(str(tmp_path / 'out'), num_shards=1, workers=1)
  conversion.convert(layouts.folder(folder.root), output)
  return tmp_path / 'out'


@pytest.fixture
def info(data_dir):
  return dataset_info.DatasetInfo.load(data_dir)


def refusal(data_dir, info) -> str:
  with pytest.raises(errors.UserError) as caught:
    agreement.check(data_dir, info, SPLITS)
  return str(caught.value)


def test_what_was_converted_agrees(data_dir, info):
  bare = dataclasses.replace(info, splits={})
  assert info.splits and bare != info
  for described in (info, bare):
    assert agreement.check(data_dir, described, SPLITS) is None


@pytest.mark.parametrize(
  'changes, sentence',
  [
    ({'num_examples': 9}, 'has 3 examples, but dataset.json says 9: convert'),
    ({'num_shards': 2}, 'has 1 shards, but dataset.json says 2: convert'),
  ],
)
def test_other_counts_are_refused(changes, sentence, data_dir, info):
  split = dataclasses.replace(info.splits['train'], **changes)
  info = dataclasses.replace(info, splits={**info.splits, 'train': split})
  assert sentence in refusal(data_dir, info)


@pytest.mark.parametrize('is_counted', [True, False])
def test_a_split_without_images_is_refused(is_counted, data_dir, info):
  (data_dir / 'val-00000-of-00001.tfrecord').write_bytes(b'')
  if not is_counted:
    info = dataclasses.replace(info, splits={})
  assert refusal(data_dir, info).startswith('Split val has 0 images, in ')


def test_a_split_without_shards_is_refused(data_dir, info):
  (data_dir / 'val-00000-of-00001.tfrecord').unlink()
  assert 'no shards named val-' in refusal(data_dir, info)


def read(data_dir) -> None:
  for _ in tf.data.TFRecordDataset(str(data_dir / SHARD)):
    pass


def test_the_record_behind_an_error_is_named(data_dir, info):
  path = data_dir / SHARD
  content = bytearray(path.read_bytes())
  content[-20] ^= 1
  path.write_bytes(content)
  agreement.check(data_dir, info, SPLITS)
  explained = agreement.explained(data_dir, None, SPLITS)
  with pytest.raises(errors.UserError) as caught, explained:
    read(data_dir)
  assert f'{path} is damaged in record 3 of 3' in str(caught.value)


def test_a_label_that_is_no_class_is_named(data_dir, info):
  info = dataclasses.replace(
    info, class_names=info.class_names[:2], palette=info.palette[:2], splits={}
  )
  info.save(data_dir)
  error = tf.errors.InvalidArgumentError(None, None, 'assertion failed')
  explained = agreement.explained(data_dir, None, SPLITS)
  with pytest.raises(errors.UserError) as caught, explained:
    raise error
  message = str(caught.value)
  assert f'{SHARD}, record 1: ' in message
  assert 'none of the 2 classes: 2 (48 pixels)' in message


def test_errors_that_no_record_explains_stay(data_dir):
  for error in (
    tf.errors.InvalidArgumentError(None, None, 'a bug'),
    ValueError('a bug'),
  ):
    explained = agreement.explained(data_dir, None, SPLITS)
    with pytest.raises(type(error), match='a bug'), explained:
      raise error


def test_a_split_without_a_label_is_refused(data_dir, info):
  agreement.check_labels(data_dir, info, SPLITS)
  blank = dataclasses.replace(
    info.splits['val'], class_pixels=(0,) * info.num_classes
  )
  info = dataclasses.replace(info, splits={**info.splits, 'val': blank})
  agreement.check_labels(data_dir, info, ['train', '', 'unknown'])
  with pytest.raises(errors.UserError, match='Split val .* Splits with labels'):
    agreement.check_labels(data_dir, info, SPLITS)
