"""Scale, batch and crop for images from a pixel to a panorama."""

import math

import pytest

from deeplab_nas.config import data_facts, image_sizes


def facts(size, num_images=94, num_classes=2, rarest=0.5, largest=None):
  shares = {'most': 1 - rarest, 'rare': rarest}
  largest = largest or size
  pixels = math.prod(largest)
  return data_facts.DataFacts(
    num_images, 24, size, largest, pixels, num_classes, shares
  )


@pytest.mark.parametrize(
  'size, rarest, scale',
  [
    ((20, 28), 0.1, 4.0),
    ((48, 64), 0.2, 2.0),
    ((40, 400), 0.2, 2.0),
    ((40, 600), 0.2, 1.0),  # twice as large, it would be too long
    ((320, 480), 0.5, 1.0),
    ((1024, 2048), 0.5, 0.5),
    ((1024, 1536), 0.5, 0.75),
    ((1080, 1920), 0.01, 1.0),
    ((3000, 4000), 0.01, 0.5),
  ],
)
def test_scales_suit_the_images_and_what_is_thin_in_them(size, rarest, scale):
  assert image_sizes.choose_scale(facts(size, rarest=rarest))[0] == scale


def test_of_very_many_images_thin_classes_are_no_reason_for_large_ones():
  few = facts((1080, 1920), rarest=0.01)
  many = facts((1080, 1920), num_images=500, rarest=0.01)
  assert image_sizes.choose_scale(few)[0] == 1
  assert image_sizes.choose_scale(many)[0] == 0.5


def test_the_reason_names_the_rarest_class():
  _, why = image_sizes.choose_scale(facts((320, 480), rarest=0.015))
  assert why.startswith('class rare has 1.5 % of the pixels')


@pytest.mark.parametrize(
  'num_images, batch', [(15, 2), (16, 4), (199, 4), (200, 8)]
)
def test_more_images_make_larger_batches(num_images, batch):
  found = image_sizes.choose_batch(facts((64, 64), num_images), 1.0)
  assert found == (batch, f'for {num_images} training images')


@pytest.mark.parametrize(
  'pixels, num_classes, batch',
  [(10**6, 2, 6), (10**6, 100, 4), (10**6, 255, 2), (10**7, 2, 2)],
)
def test_whole_batches_of_images_and_logits_fit_in_memory(
  pixels, num_classes, batch
):
  made = facts((1, pixels), num_images=1000, num_classes=num_classes)
  found, why = image_sizes.choose_batch(made, 1.0)
  assert found == batch
  assert why.startswith('more whole images would fill the memory')
  larger = facts((2, 2 * pixels), num_images=1000, num_classes=num_classes)
  assert image_sizes.choose_batch(larger, 0.5)[0] == batch


def test_tall_and_wide_images_count_by_the_largest_not_by_both_sides():
  # Padded to 1600 x 1600 they would have 2.56 megapixels.
  mixed = facts((1600, 1600), num_images=300, largest=(400, 1600))
  assert image_sizes.choose_scale(mixed)[0] == 1
  assert image_sizes.choose_batch(mixed, 1.0)[0] == 6_000_000 // (2 * 640_000)
  one_size = facts((1600, 1600), num_images=300)
  assert image_sizes.choose_scale(one_size)[0] == 0.5
  nearly = facts((800, 810), num_images=300, largest=(800, 800))
  assert image_sizes.choose_batch(nearly, 1.0)[0] == 8


@pytest.mark.parametrize(
  'height, width, crop',
  [
    (1, 1, [33, 33]),
    (33, 33, [33, 33]),
    (34, 65, [65, 65]),
    (160, 240, [161, 257]),
    (512, 1024, [161, 161]),
    (64, 20000, [65, 513]),
    (20000, 64, [513, 65]),
  ],
)
def test_crops_cover_an_image_or_are_as_large_as_may_be(height, width, crop):
  most = 161 * 257 if height == 160 else 35_000
  assert image_sizes.choose_crop(height, width, most) == crop
