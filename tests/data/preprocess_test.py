from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from deeplab_nas.data import preprocess
from tests.data.tiny_folder import picture, stripes


def seeds(count: int):
  return [tf.constant([7, index]) for index in range(count)]


def test_random_scale_takes_every_step_and_no_other():
  drawn = {
    float(preprocess.random_scale(seed, 0.5, 2.0, 0.25)) for seed in seeds(200)
  }
  assert drawn == {0.5, 0.75, 1.0, 1.25, 1.5, 1.75, 2.0}


def test_continuous_scale_stays_in_range():
  drawn = [
    float(preprocess.random_scale(seed, 0.5, 2.0, 0.0)) for seed in seeds(200)
  ]
  assert 0.5 <= min(drawn) < 0.6 and 1.9 < max(drawn) < 2.0
  assert len(set(drawn)) == 200


@pytest.mark.parametrize('scale', [0.5, 0.75, 1.0, 1.3, 2.0])
@pytest.mark.parametrize('crop', [(8, 8), (12, 16), (30, 9)])
def test_window_fills_the_crop_or_holds_the_whole_image(scale, crop):
  image, label = picture(size=(12, 16)), stripes().astype(np.int32)
  for seed in seeds(5):
    window, mask = preprocess.random_window(
      image, label, tf.constant(scale), crop, seed
    )
    assert window.shape[:2] == mask.shape
    for axis, side in enumerate((12, 16)):
      expected = min(round(side * scale), crop[axis])
      assert abs(mask.shape[axis] - expected) <= (scale != 1)
      assert mask.shape[axis] <= crop[axis]


def test_window_at_scale_one_is_a_part_of_the_image():
  image, label = picture(), stripes().astype(np.int32)
  corners = set()
  for seed in seeds(60):
    window, mask = preprocess.random_window(
      image, label, tf.constant(1.0), (10, 13), seed
    )
    window, mask = window.numpy(), mask.numpy()
    places = [
      (row, column)
      for row in range(3)
      for column in range(4)
      if (image[row : row + 10, column : column + 13] == window).all()
      and (label[row : row + 10, column : column + 13] == mask).all()
    ]
    assert len(places) == 1
    corners.add(places[0])
  assert len(corners) == 12  # every place is possible


def test_image_and_mask_move_together():
  label = np.arange(24)[:, None] // 4 + 6 * (np.arange(32)[None, :] // 4)
  image = np.repeat(label[..., None] * 4, 3, -1).astype(np.uint8)
  for index in range(20):
    parts = tf.random.experimental.stateless_split([3, index], 3)
    scale = preprocess.random_scale(parts[0], 0.5, 2.0, 0.25)
    window, mask = preprocess.random_window(
      image, label.astype(np.int32), scale, (20, 20), parts[1]
    )
    window, mask = preprocess.random_flip(window, mask, parts[2])
    difference = np.abs(window[..., 0] - 4.0 * tf.cast(mask, tf.float32))
    assert np.median(difference) < 1  # a step between labels is 4 or more


def test_flip_mirrors_about_half_of_the_time():
  image = tf.constant(picture(), tf.float32)
  label = tf.constant(stripes((0, 1, 2)), tf.int32)
  flipped = 0
  for seed in seeds(100):
    new_image, new_label = preprocess.random_flip(image, label, seed)
    is_flipped = bool(tf.reduce_any(new_image != image))
    order = -1 if is_flipped else 1
    np.testing.assert_array_equal(new_image, image[:, ::order])
    np.testing.assert_array_equal(new_label, label[:, ::order])
    flipped += is_flipped
  assert 30 < flipped < 70


def test_color_jitter_changes_colours_within_the_range():
  image = tf.constant(picture(), tf.float32)
  parts = tf.random.experimental.stateless_split([1, 2], 3)
  jittered = preprocess.random_color(image, 0.4, parts)
  assert float(tf.reduce_min(jittered)) >= 0
  assert float(tf.reduce_max(jittered)) <= 255
  assert float(tf.reduce_mean(tf.abs(jittered - image))) > 3
  again = preprocess.random_color(image, 0.4, parts)
  np.testing.assert_array_equal(jittered, again)


def test_padding_keeps_the_image_exactly():
  image = tf.constant(picture(), tf.float32)
  label = tf.constant(stripes(), tf.int32)
  padding = preprocess.Padding((1.1, 2.2, 3.3), 9)
  padded, mask = preprocess.pad(image, label, 13, 18, padding)
  np.testing.assert_array_equal(padded[:12, :16], image)
  np.testing.assert_array_equal(mask[:12, :16], label)
  expected = np.array([1.1, 2.2, 3.3], np.float32)
  assert (padded.numpy()[12] == expected).all()
  assert (padded.numpy()[:, 16:] == expected).all()
  assert (mask.numpy()[12] == 9).all() and (mask.numpy()[:, 16:] == 9).all()


def test_resized_masks_have_no_new_labels():
  _, mask = preprocess.resize(
    picture(), tf.constant(stripes(), tf.int32), 31, 41
  )
  assert set(np.unique(mask)) == {0, 1, 2, 255}


def test_scaled_size_never_vanishes():
  assert int(preprocess.scaled_size(3, 0.01)) == 1
  assert int(preprocess.scaled_size(1025, 0.5)) == 512
