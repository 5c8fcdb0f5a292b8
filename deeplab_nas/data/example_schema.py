"""The one definition of the TFRecord examples, with DeepLab's keys.

Records of the official DeepLab converters parse unchanged, and the other way
round. The official reader ignores `image/channels`; so does this one.
"""

from __future__ import annotations

import tensorflow as tf

IMAGE = 'image/encoded'
FILE_NAME = 'image/filename'
IMAGE_FORMAT = 'image/format'
HEIGHT = 'image/height'
WIDTH = 'image/width'
CHANNELS = 'image/channels'
LABEL = 'image/segmentation/class/encoded'
LABEL_FORMAT = 'image/segmentation/class/format'

# What parsing and decoding raise for a bad record; the second, where TensorFlow
# quotes bytes of the record that are no text.
REFUSALS = (tf.errors.InvalidArgumentError, UnicodeDecodeError)

_FEATURES = {
  IMAGE: tf.io.FixedLenFeature([], tf.string),
  FILE_NAME: tf.io.FixedLenFeature([], tf.string, ''),
  HEIGHT: tf.io.FixedLenFeature([], tf.int64, 0),
  WIDTH: tf.io.FixedLenFeature([], tf.int64, 0),
  LABEL: tf.io.FixedLenFeature([], tf.string, ''),
}


def encode_example(
  filename: str,
  image: bytes,
  image_format: str,
  size: tuple[int, int],
  label: bytes | None,
) -> bytes:
  """Serialises one example; equal arguments give equal bytes.

  Args:
    filename: Name of the example, unique in the dataset.
    image: JPEG or PNG file contents, 8 bits per channel.
    image_format: 'jpeg' or 'png'.
    size: (height, width) of image and label.
    label: Contents of an 8-bit grey PNG of class indices; None for a test set.
  """
  example = tf.train.Example()
  # Filled in place: messages copy what they are made of.
  features = example.features.feature
  features[IMAGE].bytes_list.value.append(image)
  features[FILE_NAME].bytes_list.value.append(filename.encode('utf-8'))
  features[IMAGE_FORMAT].bytes_list.value.append(image_format.encode('ascii'))
  features[HEIGHT].int64_list.value.append(size[0])
  features[WIDTH].int64_list.value.append(size[1])
  features[CHANNELS].int64_list.value.append(3)
  if label is not None:
    features[LABEL].bytes_list.value.append(label)
    features[LABEL_FORMAT].bytes_list.value.append(b'png')
  return example.SerializeToString(deterministic=True)


def parse_features(serialized: tf.Tensor) -> dict[str, tf.Tensor]:
  """Reads an example without decoding its images.

  Args:
    serialized: string []. One serialised example.

  Returns:
    Scalars by the keys of this module; a missing label is an empty string.
  """
  return tf.io.parse_single_example(serialized, _FEATURES)


def decode_image(contents: tf.Tensor) -> tf.Tensor:
  """Decodes a JPEG or PNG file as training and evaluation do.

  The slower, exact transform is asked for: TensorFlow's default differs from
  other decoders by up to 20 grey levels.

  Args:
    contents: string []. Contents of a file; grey images repeat their channel.

  Returns:
    uint8 [H, W, 3].
  """
  # In spite of its name this operation reads PNG too, and so is documented.
  image = tf.io.decode_jpeg(
    _refusing_webp(contents), channels=3, dct_method='INTEGER_ACCURATE'
  )
  image.set_shape([None, None, 3])
  return image


def decode(
  features: dict[str, tf.Tensor], ignore_label: int = 255
) -> dict[str, tf.Tensor]:
  """Decodes the images of an example.

  Args:
    features: What `parse_features` returned.
    ignore_label: Fills the label where the example has none.

  Returns:
    'image': uint8 [H, W, 3] (grey images repeat their channel);
    'label': int32 [H, W]; 'has_label': bool []; 'filename': string [].
  """
  image = decode_image(features[IMAGE])  # [H, W, 3]
  label = decode_label(features[LABEL], tf.shape(image)[:2], ignore_label)
  return {
    'image': image,
    'label': tf.cast(label, tf.int32),
    'has_label': tf.strings.length(features[LABEL]) > 0,
    'filename': features[FILE_NAME],
  }


def decode_label(
  contents: tf.Tensor, size: tf.Tensor, ignore_label: int = 255
) -> tf.Tensor:
  """Decodes a mask.

  Args:
    contents: string []. Contents of a PNG file; empty where there is no mask.
    size: int32 [2]. Height and width of what takes the place of a missing one.
    ignore_label: Fills that place.

  Returns:
    uint8 [H, W].
  """
  label = tf.cond(
    tf.strings.length(contents) > 0,
    lambda: tf.io.decode_png(_refusing_webp(contents), channels=1)[..., 0],
    lambda: tf.fill(size, tf.cast(ignore_label, tf.uint8)),
  )
  label.set_shape([None, None])
  return label


def _refusing_webp(contents: tf.Tensor) -> tf.Tensor:
  """The contents, but of a WebP file some that are no image.

  The decoders of newer versions of TensorFlow read WebP, to [1, H, W, 3].
  """
  start = tf.strings.substr(contents, 0, 12)
  is_webp = tf.strings.regex_full_match(start, r'RIFF\C{4}WEBP')
  return tf.where(is_webp, 'WebP', contents)


def parse_example(
  serialized: tf.Tensor, ignore_label: int = 255
) -> dict[str, tf.Tensor]:
  """`decode(parse_features(serialized))`, see there."""
  return decode(parse_features(serialized), ignore_label)
