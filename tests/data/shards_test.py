from __future__ import annotations

import contextlib

import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from deeplab_nas import errors
from deeplab_nas.data import shards


def write(directory, index: int, total: int, records=(b'one', b'three')):
  path = directory / shards.shard_name('val', index, total)
  with tf.io.TFRecordWriter(str(path)) as writer:
    for record in records:
      writer.write(record)
  return path


def test_names_are_those_of_deeplab():
  assert shards.shard_name('val', 0, 4) == 'val-00000-of-00004.tfrecord'


def test_find_gives_complete_splits_in_order(tmp_path):
  expected = [write(tmp_path, index, 3) for index in (2, 0, 1)]
  assert shards.find(tmp_path, 'val') == sorted(expected)
  assert shards.count_records(expected[0]) == 2


def test_names_without_ending_are_found_too(tmp_path):
  write(tmp_path, 0, 1).rename(tmp_path / 'val-00000-of-00001')
  assert len(shards.find(tmp_path, 'val')) == 1


def test_missing_shard_is_named(tmp_path):
  write(tmp_path, 0, 3)
  write(tmp_path, 2, 3)
  with pytest.raises(errors.UserError, match='lacks val-00001-of-00003'):
    shards.find(tmp_path, 'val')


def test_two_conversions_in_one_directory_are_refused(tmp_path):
  write(tmp_path, 0, 1)
  write(tmp_path, 0, 2)
  write(tmp_path, 1, 2)
  with pytest.raises(errors.UserError, match='two conversions'):
    shards.find(tmp_path, 'val')


def test_missing_directory_is_refused(tmp_path):
  with pytest.raises(errors.UserError, match='is not a directory'):
    shards.find(tmp_path / 'none', 'val')


def test_every_cut_is_noticed(tmp_path):
  path = write(tmp_path, 0, 1)
  data = path.read_bytes()
  first = 12 + 3 + 4
  for length in range(1, len(data)):
    if length == first:
      continue  # a whole record: nothing to notice from the frames
    path.write_bytes(data[:length])
    with pytest.raises(errors.UserError, match='cut off or damaged at byte'):
      shards.count_records(path)


@settings(max_examples=300, deadline=None, derandomize=True, database=None)
@given(st.binary(max_size=80))
def test_any_bytes_are_counted_or_refused(tmp_path_factory, data):
  path = tmp_path_factory.getbasetemp() / 'any.tfrecord'
  path.write_bytes(data)
  with contextlib.suppress(errors.UserError):
    assert shards.count_records(path) <= len(data) // 16


@settings(max_examples=100, deadline=None, derandomize=True, database=None)
@given(st.integers(0, 30), st.integers(1, 255))
def test_any_flipped_bit_is_refused_by_the_frames_or_the_checksums(
  tmp_path_factory, position, bits
):
  folder = tmp_path_factory.getbasetemp()
  path = write(folder, 0, 1)
  content = bytearray(path.read_bytes())
  content[position] ^= bits
  path.write_bytes(content)
  with pytest.raises((errors.UserError, tf.errors.DataLossError)):
    shards.count_records(path)
    list(tf.data.TFRecordDataset(str(path)))
