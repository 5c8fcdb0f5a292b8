"""Batches of the middles that all their images have."""

import numpy as np
import tensorflow as tf

from deeplab_nas.data import common_windows

SIZES = ((6, 9), (8, 5), (6, 9), (6, 9), (4, 4))


def image(size, index):
  """Pixels that say of which image and where they are."""
  rows, columns = np.mgrid[: size[0], : size[1]]
  return np.stack([np.full(size, index), rows, columns], -1).astype(np.uint8)


def batches(batch_size):
  def examples():
    for index, size in enumerate(SIZES):
      pixels = image(size, index)
      yield pixels, pixels[..., 1]

  spec = (
    tf.TensorSpec([None, None, 3], tf.uint8),
    tf.TensorSpec([None, None], tf.uint8),
  )
  dataset = tf.data.Dataset.from_generator(examples, output_signature=spec)
  return list(common_windows.batched(dataset, batch_size))


def test_a_tall_image_beside_a_wide_one_takes_no_memory_of_both_sides():
  sizes = ((1, 20000), (20000, 1))  # padded, 2.4 GB
  images = [tf.zeros([*size, 3], tf.uint8) for size in sizes]
  dataset = tf.data.Dataset.from_generator(
    lambda: ((image, image[..., 0]) for image in images),
    output_signature=(
      tf.TensorSpec([None, None, 3], tf.uint8),
      tf.TensorSpec([None, None], tf.uint8),
    ),
  )
  ((found, labels),) = common_windows.batched(dataset, 2)
  assert found.shape == (2, 1, 1, 3) and labels.shape == (2, 1, 1)


def test_images_of_one_static_shape_stay_whole():
  pixels = np.stack([image(SIZES[0], index) for index in range(3)])
  dataset = tf.data.Dataset.from_tensor_slices((pixels, pixels[..., 1]))
  ((images, labels),) = common_windows.batched(dataset, 3)
  np.testing.assert_array_equal(images, pixels)
  np.testing.assert_array_equal(labels, pixels[..., 1])


def test_images_of_one_size_stay_whole():
  images, labels = batches(2)[1]
  assert images.dtype == tf.float32 and labels.dtype == tf.int32
  np.testing.assert_array_equal(
    images, [image(SIZES[2], 2), image(SIZES[3], 3)]
  )
  np.testing.assert_array_equal(labels, images[..., 1])


def test_of_others_the_middle_is_taken():
  (images, labels), _, (last, _) = batches(2)
  assert images.shape == (2, 6, 5, 3)  # of 6 x 9 and 8 x 5
  np.testing.assert_array_equal(images[0], image(SIZES[0], 0)[:, 2:7])
  np.testing.assert_array_equal(images[1], image(SIZES[1], 1)[1:7])
  np.testing.assert_array_equal(labels, images[..., 1])
  assert last.shape == (1, 4, 4, 3)
