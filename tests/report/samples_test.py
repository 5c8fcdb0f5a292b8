"""SamplePredictions: which images, which colours, at which place."""

import numpy as np
import pytest
import tensorflow as tf

from deeplab_nas.report import samples


def batches(sizes, height=4, width=6):
  """Images of the values 0, 1, ...; label 1, the first row ignored."""
  value = 0
  for size in sizes:
    values = np.arange(value, value + size, dtype=np.float32)
    images = np.broadcast_to(
      values[:, None, None, None], [size, height, width, 3]
    )
    labels = np.ones([size, height, width], np.int32)
    labels[:, 0] = 255
    value += size
    yield tf.constant(images), tf.constant(labels)


def predict_class_2(images):
  return tf.one_hot(tf.fill(tf.shape(images)[:3], 2), 3)


def test_a_row_is_image_label_prediction(info):
  shown = samples.SamplePredictions(batches([1]), info, 1)
  picture = shown.draw(predict_class_2)
  assert picture.shape == (4, 3 * 6 + 2 * 4, 3)
  image, label, prediction = picture[:, :6], picture[:, 10:16], picture[:, 20:]
  assert (image == 0).all()
  assert (label[1:] == info.palette[1]).all()
  assert (prediction[1:] == info.palette[2]).all()
  assert (label[0] == 0).all() and (prediction[0] == 0).all()  # ignored
  assert (picture[:, 6:10] == 255).all()


@pytest.mark.parametrize('count, expected', [(0, 0), (1, 1), (3, 3), (9, 5)])
def test_the_first_images_are_taken(info, count, expected):
  shown = samples.SamplePredictions(batches([2, 2, 1]), info, count)
  assert shown.count == expected
  if expected:
    rows = shown.draw(predict_class_2)[::8, 0, 0]
    np.testing.assert_array_equal(rows, range(expected))


def test_no_more_is_read_than_shown(info):
  def endless():
    while True:
      yield from batches([2])

  assert samples.SamplePredictions(endless(), info, 3).count == 3


def test_the_network_sees_whole_batches(info):
  sizes = []

  def predict(images):
    sizes.append(len(images))
    return predict_class_2(images)

  samples.SamplePredictions(batches([2, 2]), info, 3).draw(predict)
  assert sizes == [2, 2]


def test_images_of_different_sizes_share_a_picture(info):
  mixed = [*batches([1], 4, 6), *batches([1], 3, 9)]
  picture = samples.SamplePredictions(mixed, info, 2).draw(predict_class_2)
  assert picture.shape == (4 + 4 + 3, 3 * 9 + 2 * 4, 3)
  assert (picture[:4, 26:] == 255).all()


def test_large_images_are_shown_small(info):
  picture = samples.SamplePredictions(batches([1], 100, 2048), info, 1).draw(
    predict_class_2
  )
  assert picture.shape == (25, 3 * 512 + 2 * 4, 3)
