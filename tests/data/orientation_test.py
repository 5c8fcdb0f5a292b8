from __future__ import annotations

import itertools

import numpy as np
import pytest
from PIL import Image, ImageOps

from deeplab_nas.data import orientation
from tests.data.tiny_folder import picture

ALL = range(1, 9)


def noting(value, size=(12, 16)) -> Image.Image:
  image = Image.fromarray(picture(size=size))
  image.getexif()[0x0112] = value
  return image


@pytest.mark.parametrize('value', ALL)
def test_turning_is_that_of_pillow_and_can_be_undone(value):
  image = noting(value)
  assert orientation.noted(image) == value
  turned = orientation.turned(image, value)
  np.testing.assert_array_equal(turned, ImageOps.exif_transpose(image))
  assert orientation.turned_size((12, 16), value) == turned.size[::-1]
  np.testing.assert_array_equal(orientation.stored(turned, value), image)


@pytest.mark.parametrize('value', [0, 9, -1, '6', None])
def test_what_is_no_orientation_is_upright(value):
  image = Image.fromarray(picture())
  if value is not None:
    image.getexif()[0x0112] = value
  assert orientation.noted(image) == 1


def test_damaged_exif_data_notes_nothing():
  image = Image.fromarray(picture())
  image.info['exif'] = b'Exif\0\0II*\0\xff\xff'
  assert orientation.noted(image) == 1


@pytest.mark.parametrize('value', ALL)
def test_equal_notes_go_for_both(value):
  upright = orientation.turned_size((12, 16), value)
  assert orientation.of_mask(upright, value, (12, 16), value) == value


@pytest.mark.parametrize('value', [5, 6, 7, 8])
def test_sizes_tell_whether_a_mask_is_to_be_turned(value):
  # The image was stored with 16 x 12 pixels and is now 12 x 16.
  assert orientation.of_mask((12, 16), value, (12, 16), 1) == 1
  assert orientation.of_mask((12, 16), value, (16, 12), 1) == value
  assert orientation.of_mask((12, 16), 1, (12, 16), value) == 1
  assert orientation.of_mask((12, 16), 1, (16, 12), value) == value
  # The note was copied, the pixels were not.
  assert orientation.of_mask((12, 16), value, (12, 16), value) == 1


@pytest.mark.parametrize('value', [2, 3, 4])
def test_a_turn_that_keeps_the_size_is_open(value):
  assert orientation.of_mask((12, 16), value, (12, 16), 1) is None
  assert orientation.of_mask((12, 16), 1, (12, 16), value) is None


@pytest.mark.parametrize('value', ALL[1:])
def test_a_square_is_open(value):
  assert orientation.of_mask((12, 12), value, (12, 12), 1) is None


@pytest.mark.parametrize('values', itertools.permutations([5, 6, 7, 8], 2))
def test_two_different_turns_are_open(values):
  assert orientation.of_mask((12, 16), values[0], (16, 12), values[1]) is None


def test_sizes_that_fit_in_no_way_are_left_to_others():
  assert orientation.of_mask((12, 16), 3, (13, 16), 1) == 1
