from __future__ import annotations

import numpy as np
import pytest

from deeplab_nas.data import dataset_info, legend, sample_sheet
from tests.data.tiny_folder import picture


def test_sheet_shows_images_and_class_colours():
  info = dataset_info.DatasetInfo('x', ('a', 'b'), ((0, 0, 0), (255, 0, 0)))
  black = np.zeros([10, 20, 3], np.uint8)
  label = np.ones([10, 20], np.int32)
  sheet = np.asarray(sample_sheet.draw([('käse ☃', black, label)], info))
  height = 320 * 10 // 20
  assert sheet.shape == (legend.LINE + height + legend.LINE, 640, 3)
  pair = sheet[legend.LINE : legend.LINE + height]
  assert (pair[:, :320] == 0).all()
  assert (pair[:, 320:] == [153, 0, 0]).all()  # 60 % of red


def test_ignored_pixels_are_dark():
  info = dataset_info.DatasetInfo('x', ('a',), ((255, 255, 255),))
  white = np.full([10, 20, 3], 255, np.uint8)
  label = np.full([10, 20], 255, np.int32)
  sheet = np.asarray(sample_sheet.draw([('x', white, label)], info))
  assert (sheet[20:150, 320:] == 76).all()


def test_samples_are_a_grid():
  info = dataset_info.DatasetInfo('x', ('a',), ((9, 9, 9),))
  sample = ('x', picture(), np.zeros([12, 16], np.int32))
  sizes = {n: sample_sheet.draw([sample] * n, info).size for n in (1, 2, 4, 12)}
  row = legend.LINE + 240
  assert sizes[1] == (640, row + legend.LINE)
  assert sizes[2] == (640, 2 * row + legend.LINE)
  assert sizes[4] == (2 * 646 - 6, 2 * row + legend.LINE)
  assert sizes[12] == (3 * 646 - 6, 4 * row + legend.LINE)


@pytest.mark.parametrize('shape', [(3000, 4), (4, 3000), (1, 1)])
def test_no_image_makes_the_sheet_large(shape):
  info = dataset_info.DatasetInfo('x', ('a',), ((9, 9, 9),))
  image = np.zeros([*shape, 3], np.uint8)
  sheet = sample_sheet.draw([('x', image, np.zeros(shape, np.int32))], info)
  assert sheet.width == 640
  assert sheet.height <= 320 + 2 * legend.LINE


def test_the_background_lets_the_image_through():
  info = dataset_info.DatasetInfo(
    'x', ('Background', 'a'), ((0, 0, 0), (255, 0, 0))
  )
  image = np.full([1, 2, 3], 200, np.uint8)
  mixed = sample_sheet.overlay(image, np.array([[0, 1]]), info)
  np.testing.assert_array_equal(mixed, [[[170] * 3, [233, 80, 80]]])


def test_only_classes_that_occur_are_in_the_legend():
  colours = ((0, 255, 0), (255, 0, 0))
  info = dataset_info.DatasetInfo('x', ('a', 'b'), colours)
  black = np.zeros([10, 20, 3], np.uint8)
  label = np.ones([10, 20], np.int32)
  sheet = np.asarray(sample_sheet.draw([('x', black, label)], info))
  key = sheet[-legend.LINE :].reshape(-1, 3)
  assert (key == colours[1]).all(-1).any()
  assert not (key == colours[0]).all(-1).any()
