from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from deeplab_nas import errors
from deeplab_nas.data import dataset_info, example_schema, shards
from deeplab_nas.serving import check_images
from tests.serving import tiny


def test_drawn_images_are_always_the_same():
  first, second = check_images.synthetic(), check_images.synthetic()
  assert [x.shape[:2] for x in first] == list(check_images.SYNTHETIC_SIZES)
  for one, other in zip(first, second):
    np.testing.assert_array_equal(one, other)


def test_validation_images_are_taken_if_there_are_any(tmp_path):
  photos = [tiny.photo(5, 7, seed) for seed in range(3)]
  path = str(tmp_path / shards.shard_name('val', 0, 1))
  with tf.io.TFRecordWriter(path) as writer:
    for index, photo in enumerate(photos):
      writer.write(
        example_schema.encode_example(
          f'{index}', tiny.encoded(photo), 'png', (5, 7), None
        )
      )
  found = check_images.of_split(str(tmp_path), 'val', 2)
  np.testing.assert_array_equal(found, photos[:2])
  assert check_images.of_split(str(tmp_path), 'test', 2) == []
  assert check_images.of_split(str(tmp_path / 'gone'), 'val', 2) == []
  assert check_images.of_split('', 'val', 2) == []


def test_files_are_decoded_as_in_training(tmp_path):
  photo = tiny.photo()
  (tmp_path / 'a.png').write_bytes(tiny.encoded(photo))
  (found,) = check_images.of_files([tmp_path / 'a.png'])
  np.testing.assert_array_equal(found, photo)
  (tmp_path / 'b.png').write_bytes(b'text')
  with pytest.raises(errors.UserError, match='b.png cannot be decoded'):
    check_images.of_files([tmp_path / 'b.png'])


def test_the_typical_size_is_the_largest_known():
  assert check_images.typical_size(tiny.INFO) == (513, 513)
  splits = {
    name: dataset_info.SplitInfo(1, 1, size, size, (1, 1, 1))
    for name, size in (('train', (10, 40)), ('val', (20, 30)))
  }
  info = dataclasses.replace(tiny.INFO, splits=splits)
  assert check_images.typical_size(info) == (20, 30)
  splits['train'] = dataclasses.replace(
    splits['train'], max_size=(500, 40), largest_image=(30, 25)
  )
  info = dataclasses.replace(tiny.INFO, splits=splits)
  assert check_images.typical_size(info) == (30, 25)
