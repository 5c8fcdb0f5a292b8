"""Contours against erosion, a pixel at a time."""

import numpy as np
import pytest

from deeplab_nas.evaluate import boundary

RNG = np.random.default_rng(0)


def eroded(mask):
  """One erosion with a 3 x 3 kernel; what is outside is not of the mask."""
  padded = np.pad(mask, 1)
  height, width = mask.shape
  windows = [
    padded[y : y + height, x : x + width] for y in range(3) for x in range(3)
  ]
  return np.all(windows, axis=0)


def blobs(height, width, size=4):
  small = RNG.integers(3, size=[-(-height // size), -(-width // size)])
  return small.repeat(size, 0).repeat(size, 1)[:height, :width]


@pytest.mark.parametrize('d', [1, 2, 5])
@pytest.mark.parametrize('shape', [(1, 1), (3, 9), (23, 31), (40, 12)])
def test_it_is_what_erosion_takes_away(shape, d):
  for size in (4, 16):
    classes = blobs(*shape, size)
    expected = np.zeros(shape, bool)
    for c in range(3):
      inner = mask = classes == c
      for _ in range(d):
        inner = eroded(inner)
      expected |= mask & ~inner
    found = boundary.near_contour(classes, d)
    assert found.dtype == bool
    np.testing.assert_array_equal(found, expected)


def test_the_distance_is_two_percent_of_the_diagonal():
  assert boundary.distance(1024, 2048) == 46  # of 2289.7
  assert boundary.distance(300, 400) == 10
  assert boundary.distance(4, 3) == 1
