"""Tiles cover the image, and blend without seams."""

import numpy as np
import pytest

from deeplab_nas.evaluate import tiling


def image(height, width):
  values = np.random.default_rng(0).integers(0, 256, [height, width, 3])
  return values.astype(np.uint8)


def pixelwise(images):
  """Class scores that depend on one pixel only."""
  return np.float32(images)


@pytest.mark.parametrize(
  'size', [(1, 1), (7, 50), (50, 7), (33, 64), (100, 41)]
)
@pytest.mark.parametrize(
  'tile, overlap', [(16, 0), (16, 5), (17, 16), (200, 9)]
)
def test_what_depends_on_one_pixel_does_not_depend_on_tiles(
  size, tile, overlap
):
  pixels = image(*size)
  found = tiling.classes(pixelwise, pixels, tile, overlap)
  assert found.dtype == np.uint8
  np.testing.assert_array_equal(found, pixels.argmax(-1))


def test_tiles_are_of_one_size_and_never_more():
  shapes = set()

  def recorded(images):
    shapes.add(images.shape)
    return pixelwise(images)

  tiling.classes(recorded, image(61, 83), 32, 8)
  assert shapes == {(1, 32, 32, 3)}


def test_an_image_within_a_tile_is_segmented_whole():
  calls = []

  def recorded(images):
    calls.append(images)
    return pixelwise(images)

  pixels = image(20, 30)
  tiling.classes(recorded, pixels, 32, 8)
  (only,) = calls
  np.testing.assert_array_equal(only[0], pixels)


def test_neighbours_are_blended_by_their_distance_to_the_edge():
  """Left tiles say class 0, right ones class 1, equally sure."""

  def by_position(images):
    is_right = images[0, 0, 0, 0] > 0
    scores = np.zeros([*images.shape[:3], 2], np.float32)
    scores[..., int(is_right)] = 1
    return scores

  pixels = np.zeros([10, 16, 3], np.uint8)
  pixels[:, 6:] = 1  # where the second tile starts
  found = tiling.classes(by_position, pixels, 10, 4)
  # The tiles share columns 6 to 9; each wins the half that is nearer to it.
  np.testing.assert_array_equal(found[0], [0] * 8 + [1] * 8)


@pytest.mark.parametrize('overlap', [-1, 16, 17])
def test_an_overlap_that_leaves_no_room_is_refused(overlap):
  with pytest.raises(ValueError, match=f'overlap is {overlap}, expected 0 to'):
    tiling.classes(pixelwise, image(40, 40), 16, overlap)
