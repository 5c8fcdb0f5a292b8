"""SamplePredictions: which images, which colours, at which place."""

import numpy as np
import pytest
import tensorflow as tf

from deeplab_nas.data import legend
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


TOP = legend.LINE  # the heads of the columns
SCALE = 22  # of 6 pixels, to at least 128


def tiles(picture, width=6, height=4, scale=SCALE, row=0):
  """The four pictures of a row, at their own size."""
  first = TOP + row * (height * scale + samples.GAP)
  return [
    picture[
      first : first + height * scale : scale,
      i * (width * scale + samples.GAP) :: scale,
    ][:, :width]
    for i in range(4)
  ]


def test_a_row_is_image_label_prediction_error(info):
  shown = samples.SamplePredictions(batches([1]), info, 1)
  picture = shown.draw(predict_class_2)
  assert picture.shape == (
    TOP + 4 * SCALE + samples.GAP + legend.LINE,
    4 * 6 * SCALE + 3 * samples.GAP,
    3,
  )
  image, label, prediction, error = tiles(picture)
  assert (image == 0).all()
  assert (label[1:] == info.palette[1]).all()
  assert (prediction[1:] == info.palette[2]).all()
  assert (error[1:] == [209, 73, 91]).all()
  for tile in (label, prediction, error):
    assert (tile[0] == 0).all()  # ignored
  assert (picture[TOP : -legend.LINE, 6 * SCALE : 6 * SCALE + 4] == 255).all()


def test_what_is_right_is_no_error(info):
  def predict(images):
    return tf.one_hot(tf.fill(tf.shape(images)[:3], 1), 3)

  shown = samples.SamplePredictions(batches([1]), info, 1)
  _, _, _, error = tiles(shown.draw(predict))
  assert (error[1:] == 232).all()


def test_columns_have_heads_and_classes_that_occur_a_key(info):
  shown = samples.SamplePredictions(batches([1]), info, 1)
  picture = shown.draw(predict_class_2)
  for column in range(4):
    left = column * (6 * SCALE + samples.GAP)
    assert (picture[:TOP, left : left + 60] < 128).any()
  key = picture[-legend.LINE :].reshape(-1, 3)
  found = [(key == colour).all(-1).any() for colour in info.palette]
  assert found == [False, True, True]


def test_a_title_is_a_line_on_top(info):
  shown = samples.SamplePredictions(batches([1]), info, 1)
  plain = shown.draw(predict_class_2)
  titled = shown.draw(predict_class_2, 'runs/search, after epoch 3')
  assert titled.shape[0] == plain.shape[0] + legend.LINE
  assert (titled[: legend.LINE] < 128).any()
  np.testing.assert_array_equal(titled[2 * legend.LINE :], plain[TOP:])


@pytest.mark.parametrize('count, expected', [(0, 0), (1, 1), (3, 3), (9, 5)])
def test_the_first_images_are_taken(info, count, expected):
  shown = samples.SamplePredictions(batches([2, 2, 1]), info, count)
  assert shown.count == expected
  if expected:
    picture = shown.draw(predict_class_2)
    values = [tiles(picture, row=row)[0][0, 0, 0] for row in range(expected)]
    assert values == list(range(expected))


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
  column = 9 * 15 + samples.GAP  # 6 x 22 and 9 x 15 pixels
  height = TOP + 4 * 22 + 3 * 15 + 2 * samples.GAP + legend.LINE
  assert picture.shape == (height, 4 * column - samples.GAP, 3)
  assert (picture[TOP : TOP + 4 * 22, 3 * column + 6 * 22 :] == 255).all()


def test_tall_images_are_shown_small(info):
  mixed = batches([1], 4000, 64)
  picture = samples.SamplePredictions(mixed, info, 1).draw(predict_class_2)
  assert picture.shape[0] <= TOP + 1024 + samples.GAP + 8 * legend.LINE


def test_large_images_are_shown_small(info):
  picture = samples.SamplePredictions(batches([1], 100, 2048), info, 1).draw(
    predict_class_2
  )
  height = TOP + 25 + samples.GAP + legend.LINE
  assert picture.shape == (height, 4 * 512 + 3 * samples.GAP, 3)
