from __future__ import annotations

import dataclasses
import shutil

import pytest
import tensorflow as tf

from deeplab_nas import errors
from deeplab_nas.data import (
  conversion,
  dataset_info,
  example_schema,
  input_pipeline,
  layouts,
  pipeline_config,
  salvage,
  shards,
  split_contents,
)
from tests.data import tiny_folder

NAMES = 'abcdefghijkl'
SPLITS = ('train', 'val', '')
SHARD = 'train-00000-of-00002.tfrecord'


@pytest.fixture(scope='module')
def converted(tmp_path_factory):
  root = tmp_path_factory.mktemp('salvage')
  folder = tiny_folder.TinyFolder(root / 'data', NAMES)
  output = conversion.Output(str(root / 'out'), num_shards=2, workers=1)
  conversion.convert(layouts.folder(folder.root), output)
  return root / 'out'


@pytest.fixture
def data_dir(converted, tmp_path):
  return shutil.copytree(converted, tmp_path / 'out')


@pytest.fixture
def info(data_dir):
  return dataset_info.DatasetInfo.load(data_dir)


@pytest.fixture
def train_names(data_dir):
  return split_contents.file_names(data_dir, 'train')


def flip(path, position: int) -> None:
  content = bytearray(path.read_bytes())
  content[position] ^= 1
  path.write_bytes(content)


def names(data_dir, info, limit: int, splits=SPLITS) -> list[str]:
  """Those of the split train that can be read."""
  with salvage.sound(data_dir, info, splits, limit) as folder:
    found = dataset_info.DatasetInfo.load(folder)
    left = split_contents.file_names(folder, 'train')
    if 'train' in info.splits:
      assert found.splits['train'].num_examples == len(left)
      found_val = found.splits['val'], len(shards.find(folder, 'val'))
      assert found_val == (info.splits['val'], 2)
    config = pipeline_config.PipelineConfig(batch_size=1)
    decoded = input_pipeline.eval_dataset(folder, 'train', found, config)
    assert len(list(decoded)) == len(left)
  return left


def test_what_is_whole_is_only_linked(data_dir, info, train_names):
  with salvage.sound(data_dir, info, SPLITS, 1) as folder:
    for path in shards.find(folder, 'train'):
      assert path.is_symlink() and path.resolve().parent == data_dir
    assert split_contents.file_names(folder, 'train') == train_names


def test_the_folder_is_gone_afterwards(data_dir, info):
  flip(data_dir / SHARD, -20)
  with salvage.sound(data_dir, info, SPLITS, 1) as folder:
    assert {path.suffix for path in shards.find(folder, 'train')} == {
      '.tfrecord'
    }
    assert not list(tf.io.gfile.glob(f'{folder}/*.rest'))
  assert not tf.io.gfile.exists(folder)


@pytest.mark.parametrize('index', range(3))
def test_one_damaged_record_costs_no_other(index, data_dir, info, train_names):
  path = data_dir / SHARD
  flip(path, list(shards.frame_ends(path))[index] - 20)
  expected = train_names[:index] + train_names[index + 1 :]
  assert names(data_dir, info, 1) == expected


def test_several_records_of_several_shards(data_dir, info, train_names):
  first, second = shards.find(data_dir, 'train')
  ends = list(shards.frame_ends(first))
  flip(first, ends[0] - 20)
  flip(first, ends[2] - 20)
  flip(second, -20)
  kept = [i for i in range(len(train_names)) if i not in (0, 2)][:-1]
  assert names(data_dir, info, 3) == [train_names[i] for i in kept]
  with pytest.raises(errors.UserError) as caught:
    names(data_dir, info, 2)
  assert 'At least 3 records are damaged' in str(caught.value)
  assert 'data.skip_corrupt_records is 2' in str(caught.value)


def test_all_that_a_cut_takes_counts(data_dir, info, train_names):
  path = data_dir / SHARD
  ends = list(shards.frame_ends(path))
  path.write_bytes(path.read_bytes()[: ends[0] + 5])
  num_lost = len(ends) - 1
  assert names(data_dir, info, num_lost) == (
    train_names[:1] + train_names[len(ends) :]
  )
  with pytest.raises(errors.UserError, match='further ones of split train'):
    names(data_dir, info, num_lost - 1)


@pytest.mark.parametrize('garbage', [b'x' * 100, bytes(1 << 20), b'12345'])
def test_what_follows_all_records_costs_none(
  garbage, data_dir, info, train_names
):
  path = data_dir / SHARD
  path.write_bytes(path.read_bytes() + garbage)
  assert names(data_dir, info, 1) == train_names


def test_a_hole_of_zeros_takes_the_rest_of_the_shard(
  data_dir, info, train_names
):
  path = data_dir / SHARD
  ends = list(shards.frame_ends(path))
  content = path.read_bytes()
  path.write_bytes(content[: ends[0]] + bytes(len(content) - ends[0]))
  num_lost = len(ends) - 1
  left = names(data_dir, info, num_lost)
  assert left == train_names[:1] + train_names[len(ends) :]
  with pytest.raises(errors.UserError, match='all from record 2 on'):
    names(data_dir, info, num_lost - 1)


def test_the_last_length_is_damaged(data_dir, info, train_names):
  path = data_dir / SHARD
  ends = list(shards.frame_ends(path))
  flip(path, ends[-2] + 1)
  left = names(data_dir, info, 1)
  assert left == train_names[: len(ends) - 1] + train_names[len(ends) :]


def test_a_damaged_length_takes_the_rest_of_the_shard(
  data_dir, info, train_names
):
  path = data_dir / SHARD
  ends = list(shards.frame_ends(path))
  flip(path, ends[0] + 4)  # four gigabytes
  left = names(data_dir, info, len(ends) - 1)
  assert left == train_names[:1] + train_names[len(ends) :]


def test_an_image_that_cannot_be_decoded_is_left_out(
  data_dir, info, train_names
):
  path = data_dir / SHARD
  records = [x.numpy() for x in tf.data.TFRecordDataset(str(path))]
  example = tf.train.Example.FromString(records[1])
  image = example.features.feature[example_schema.IMAGE].bytes_list
  image.value[0] = image.value[0][:30]
  records[1] = example.SerializeToString()
  with tf.io.TFRecordWriter(str(path)) as writer:
    for record in records:
      writer.write(record)
  assert names(data_dir, info, 1) == train_names[:1] + train_names[2:]


def test_records_without_a_description(data_dir, info, train_names):
  flip(data_dir / SHARD, -20)
  num_first = shards.count_records(data_dir / SHARD)
  left = names(data_dir, dataclasses.replace(info, splits={}), 1)
  assert left == train_names[: num_first - 1] + train_names[num_first:]


def test_an_empty_shard_and_one_too_many(data_dir, info):
  path = data_dir / SHARD
  record = next(iter(tf.data.TFRecordDataset(str(path)))).numpy()
  count = shards.count_records(path)
  path.write_bytes(b'')
  with pytest.raises(errors.UserError, match='further ones of split train'):
    names(data_dir, info, count - 1)
  with tf.io.TFRecordWriter(str(path)) as writer:
    for _ in range(count + 1):
      writer.write(record)
  with pytest.raises(errors.UserError, match='examples, but dataset.json says'):
    names(data_dir, info, 1)


def test_a_split_that_is_read_for_two_ends_is_counted_once(
  data_dir, info, train_names
):
  flip(data_dir / SHARD, -20)
  splits = ('train', 'train', 'val')
  assert len(names(data_dir, info, 1, splits)) == len(train_names) - 1


def test_a_missing_shard_is_refused(data_dir, info):
  (data_dir / SHARD).unlink()
  with pytest.raises(errors.UserError, match='lacks train-00000'):
    names(data_dir, info, 99)
