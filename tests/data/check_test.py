from __future__ import annotations

import json

import pytest
import tensorflow as tf

from deeplab_nas import errors
from deeplab_nas.data import (
  check,
  conversion,
  dataset_info,
  example_schema,
  layouts,
)
from tests.data import tiny_folder
from tests.data.tiny_folder import picture, stripes


@pytest.fixture
def dataset_dir(tmp_path):
  folder = tiny_folder.TinyFolder(tmp_path / 'data')
  output = conversion.Output(str(tmp_path / 'out'), num_shards=1, workers=1)
  conversion.convert(layouts.folder(folder.root), output)
  return tmp_path / 'out'


def encode(pixels) -> bytes:
  pixels = pixels if pixels.ndim == 3 else pixels[..., None]
  return tf.io.encode_png(pixels).numpy()


def replace_val(dataset_dir, *examples) -> None:
  path = dataset_dir / 'val-00000-of-00001.tfrecord'
  with tf.io.TFRecordWriter(str(path)) as writer:
    for name, image, label in examples:
      writer.write(
        example_schema.encode_example(name, image, 'png', (12, 16), label)
      )


def test_converted_data_passes_and_counts_agree(dataset_dir):
  found = check.check_records(dataset_dir)
  assert found == dataset_info.DatasetInfo.load(dataset_dir)


IMAGE, LABEL = encode(picture()), encode(stripes())
BAD = {
  'label': ([('x', IMAGE, encode(stripes((0, 7))))], '7 (96 pixels)'),
  'size': (
    [('x', IMAGE, encode(stripes(size=(12, 15))))],
    'x has an image of 12 x 16 and a label of 12 x 15',
  ),
  'image': ([('x', b'rubbish', LABEL)], 'x cannot be decoded'),
  'mask': ([('x', IMAGE, b'rubbish')], 'x cannot be decoded'),
  'count': (
    [('x', IMAGE, LABEL), ('y', IMAGE, LABEL)],
    'num_examples 2, but dataset.json says 1',
  ),
  'pixels': (
    [('x', IMAGE, encode(stripes((0, 1))))],
    'class_pixels [96, 96, 0], but dataset.json says [48, 48, 48]',
  ),
}


@pytest.mark.parametrize('case', BAD)
def test_bad_records_are_named(case, dataset_dir):
  examples, words = BAD[case]
  replace_val(dataset_dir, *examples)
  with pytest.raises(errors.UserError) as refusal:
    check.check_records(dataset_dir)
  assert words in str(refusal.value)


def test_record_of_another_kind_is_named(dataset_dir):
  path = dataset_dir / 'val-00000-of-00001.tfrecord'
  with tf.io.TFRecordWriter(str(path)) as writer:
    writer.write(b'no example')
  with pytest.raises(errors.UserError, match='val-00000-of-00001'):
    check.check_records(dataset_dir)


def test_flipped_bit_is_found(dataset_dir):
  path = dataset_dir / 'train-00000-of-00001.tfrecord'
  data = bytearray(path.read_bytes())
  data[len(data) // 2] ^= 1
  path.write_bytes(bytes(data))
  with pytest.raises(errors.UserError, match='train-00000.*wrong checksum'):
    check.check_records(dataset_dir)


def test_image_in_two_splits_is_found(dataset_dir):
  train = tf.data.TFRecordDataset(
    str(dataset_dir / 'train-00000-of-00001.tfrecord')
  )
  record = next(train.as_numpy_iterator())
  path = dataset_dir / 'val-00000-of-00001.tfrecord'
  with tf.io.TFRecordWriter(str(path)) as writer:
    writer.write(record)
  with pytest.raises(errors.UserError, match='is also in split train'):
    check.check_records(dataset_dir)


def test_split_that_dataset_json_promises_must_be_there(dataset_dir):
  (dataset_dir / 'val-00000-of-00001.tfrecord').unlink()
  with pytest.raises(errors.UserError, match='no shards named val-'):
    check.check_records(dataset_dir)


def test_empty_directory_is_refused(tmp_path):
  with pytest.raises(errors.UserError, match='holds no shards'):
    check.check_records(tmp_path, 'cityscapes')


def test_wrong_class_list_is_found(dataset_dir):
  path = dataset_dir / 'dataset.json'
  fields = json.loads(path.read_text('utf-8'))
  fields['class_names'].pop()
  fields['palette'].pop()
  for split in fields['splits'].values():
    split['class_pixels'].pop()
  path.write_text(json.dumps(fields), 'utf-8')
  with pytest.raises(errors.UserError, match='none of the 2 classes'):
    check.check_records(dataset_dir)


def test_samples_are_the_examples(dataset_dir):
  info = dataset_info.DatasetInfo.load(dataset_dir)
  ((name, image, label),) = check.samples(dataset_dir, 'val', info, 5)
  assert (image == picture('abcd'.index(name))).all()
  assert (label == stripes()).all()
