"""What a split holds by its records, where nothing counts it."""

from __future__ import annotations

import io

import pytest
import tensorflow as tf
from PIL import Image

from deeplab_nas import errors
from deeplab_nas.data import dataset_info, example_schema, labelled, shards
from tests.data.tiny_folder import stripes

INFO = dataset_info.DatasetInfo(
  'tiny', ('sky', 'road', 'car'), ((0, 0, 0), (9, 9, 9), (7, 7, 7))
)


def write(folder, split, *masks):
  """A shard of images with these values in their masks; None is no mask."""
  path = folder / shards.shard_name(split, 0, 1)
  with tf.io.TFRecordWriter(str(path)) as writer:
    for i, values in enumerate(masks):
      label = None if values is None else _png(stripes(values))
      writer.write(
        example_schema.encode_example(str(i), b'', 'png', (12, 16), label)
      )


def _png(pixels) -> bytes:
  stream = io.BytesIO()
  Image.fromarray(pixels).save(stream, 'PNG')
  return stream.getvalue()


@pytest.fixture
def data_dir(tmp_path):
  write(tmp_path, 'train', (255,), (1, 255), (0, 1, 2))
  write(tmp_path, 'val', (255,), (0, 1))
  write(tmp_path, 'blank', (255,), (255,))
  write(tmp_path, 'test', None, None)
  return tmp_path


def refusal(data_dir, split, info, *args):
  with pytest.raises(errors.UserError) as caught:
    labelled.require(data_dir, split, info, *args)
  return str(caught.value)


def test_labels_of_any_image_are_enough(data_dir):
  for split in ('train', 'val'):
    labelled.require(data_dir, split, INFO)
    labelled.require(data_dir, split, INFO, 2)


@pytest.mark.parametrize('split', ['blank', 'test'])
def test_masks_without_a_label_and_images_without_a_mask_are_refused(
  split, data_dir
):
  text = refusal(data_dir, split, INFO)
  assert text.startswith(f'Split {split} of {data_dir} has no pixel with a')
  assert 'Splits with labels: not known;' in text


def test_only_the_images_that_are_read_count(data_dir):
  text = refusal(data_dir, 'val', INFO, 1, 1)
  assert 'has no pixel with a label in its first 1 image: ' in text
  assert 'data.max_val_images' in text
  labelled.require(data_dir, 'val', INFO, 1, 2)


def test_one_class_can_be_measured_but_not_learnt(data_dir):
  labelled.require(data_dir, 'train', INFO, 1, 2)
  text = refusal(data_dir, 'train', INFO, 2, 2)
  assert text.startswith('Of 3 classes road occurs in the labels of split trai')
  assert 'nothing can be learnt' in text


def test_values_of_no_class_are_no_labels(data_dir):
  few = dataset_info.DatasetInfo('tiny', ('sky',), ((0, 0, 0),), 254)
  assert 'has no pixel with a label' in refusal(data_dir, 'blank', few)
