from __future__ import annotations

import io

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from deeplab_nas.data import example_schema
from tests.data.tiny_folder import picture, stripes

IMAGE = tf.io.encode_png(picture()).numpy()
LABEL = tf.io.encode_png(stripes()[..., None]).numpy()


def encode(**changes) -> bytes:
  fields = {
    'filename': 'käse',
    'image': IMAGE,
    'image_format': 'png',
    'size': (12, 16),
    'label': LABEL,
  }
  return example_schema.encode_example(**{**fields, **changes})


def test_example_survives_the_round_trip():
  example = example_schema.parse_example(encode())
  np.testing.assert_array_equal(example['image'], picture())
  np.testing.assert_array_equal(example['label'], stripes())
  assert example['image'].dtype == tf.uint8
  assert example['label'].dtype == tf.int32
  assert example['filename'].numpy().decode() == 'käse'
  assert bool(example['has_label'])


@pytest.mark.parametrize('contents', [LABEL, b''])
def test_a_decoded_label_takes_a_byte_for_each_pixel(contents):
  label = example_schema.decode_label(tf.constant(contents), (12, 16), 9)
  assert label.dtype == tf.uint8
  expected = stripes() if contents else np.full([12, 16], 9)
  np.testing.assert_array_equal(label, expected)


def test_keys_are_those_of_deeplab():
  features = tf.train.Example.FromString(encode()).features.feature
  assert sorted(features) == [
    'image/channels',
    'image/encoded',
    'image/filename',
    'image/format',
    'image/height',
    'image/segmentation/class/encoded',
    'image/segmentation/class/format',
    'image/width',
  ]
  assert features['image/height'].int64_list.value == [12]
  assert features['image/width'].int64_list.value == [16]
  assert features['image/segmentation/class/format'].bytes_list.value == [
    b'png'
  ]


def test_equal_examples_are_equal_bytes():
  assert encode() == encode()


def test_missing_label_is_filled_with_the_ignore_label():
  example = example_schema.parse_example(encode(label=None), ignore_label=7)
  assert not bool(example['has_label'])
  assert example['label'].shape == (12, 16)
  assert (example['label'].numpy() == 7).all()


@pytest.mark.parametrize('encoder', [tf.io.encode_png, tf.io.encode_jpeg])
def test_grey_images_get_three_channels(encoder):
  grey = picture()[..., :1]
  image = example_schema.decode_image(encoder(grey))
  assert image.shape == (12, 16, 3)
  assert (image.numpy() == image.numpy()[..., :1]).all()


def parsed(record: bytes) -> None:
  """Parses a record; whatever it is, all that is raised is a refusal."""
  try:
    example = example_schema.parse_example(tf.constant(record))
  except example_schema.REFUSALS:
    return
  assert example['image'].shape.rank == 3
  assert example['label'].shape.rank == 2


@settings(max_examples=150, deadline=None, derandomize=True, database=None)
@given(st.binary(max_size=200))
def test_any_bytes_are_parsed_or_refused(data):
  parsed(data)
  parsed(encode(image=data))
  parsed(encode(label=data))


@pytest.mark.parametrize('encoder', [tf.io.encode_png, tf.io.encode_jpeg])
@settings(max_examples=200, deadline=None, derandomize=True, database=None)
@given(data=st.data())
def test_any_change_of_a_record_is_parsed_or_refused(encoder, data):
  record = bytearray(encode(image=encoder(picture()).numpy()))
  for _ in range(data.draw(st.integers(1, 4))):
    start = data.draw(st.integers(0, len(record)))
    end = data.draw(st.integers(start, min(start + 4, len(record))))
    record[start:end] = data.draw(st.binary(max_size=4))
  parsed(bytes(record))


def test_webp_is_refused_whatever_tensorflow_reads():
  file = io.BytesIO()
  Image.fromarray(picture()).save(file, 'WEBP')
  for key in ('image', 'label'):
    example = encode(**{key: file.getvalue()})
    parse = tf.function(example_schema.parse_example)
    for function in (parse, example_schema.parse_example):
      with pytest.raises(tf.errors.InvalidArgumentError, match='Unknown image'):
        function(example)


@pytest.mark.parametrize('contents', [b'', b'RIFF', b'RIFF....WEB', b'\xff'])
def test_too_short_a_file_is_no_image(contents):
  with pytest.raises(tf.errors.InvalidArgumentError, match='empty|Unknown'):
    example_schema.decode_image(contents)
