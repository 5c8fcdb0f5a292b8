from __future__ import annotations

import numpy as np

from deeplab_nas.data import dataset_info, sample_sheet
from tests.data.tiny_folder import picture


def test_sheet_shows_images_and_class_colours():
  info = dataset_info.DatasetInfo('x', ('a', 'b'), ((0, 0, 0), (255, 0, 0)))
  black = np.zeros([10, 20, 3], np.uint8)
  label = np.ones([10, 20], np.int32)
  sheet = np.asarray(sample_sheet.draw([('käse ☃', black, label)], info))
  height = 320 * 10 // 20
  assert sheet.shape == (14 + height + 2 * 14, 640, 3)
  assert (sheet[14 : 14 + height, :320] == 0).all()
  assert (sheet[14 : 14 + height, 320:] == [153, 0, 0]).all()  # 60 % of red


def test_ignored_pixels_are_dark():
  info = dataset_info.DatasetInfo('x', ('a',), ((255, 255, 255),))
  white = np.full([10, 20, 3], 255, np.uint8)
  label = np.full([10, 20], 255, np.int32)
  sheet = np.asarray(sample_sheet.draw([('x', white, label)], info))
  assert (sheet[20:150, 320:] == 76).all()


def test_any_number_of_samples_fits():
  info = dataset_info.DatasetInfo('x', ('a',), ((9, 9, 9),))
  sample = ('x', picture(), np.zeros([12, 16], np.int32))
  one, three = (sample_sheet.draw([sample] * n, info) for n in (1, 3))
  assert three.height > 2 * one.height
