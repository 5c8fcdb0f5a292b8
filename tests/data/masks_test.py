from __future__ import annotations

import hypothesis
import hypothesis.extra.numpy
import numpy as np
import pytest
from hypothesis import strategies
from PIL import Image

from deeplab_nas import errors
from deeplab_nas.data import masks
from tests.data import tiny_folder

COLORS = {(0, 0, 0): 0, (255, 0, 0): 1, (0, 0, 255): 2}


def read(tmp_path, image, **rules) -> masks.MaskFile:
  if not isinstance(image, Image.Image):
    image = Image.fromarray(image)
  path = tmp_path / 'mask.png'
  image.save(path)
  rules = masks.MaskRules(**{'num_classes': 3, **rules})
  return masks.read(str(path), rules)


@hypothesis.given(
  hypothesis.extra.numpy.arrays(
    np.uint8, hypothesis.extra.numpy.array_shapes(min_dims=2, max_dims=2)
  )
)
@hypothesis.settings(
  max_examples=50,
  deadline=None,
  suppress_health_check=[hypothesis.HealthCheck.function_scoped_fixture],
)
def test_every_pixel_is_known_or_counted(tmp_path, values):
  found = read(tmp_path, values)
  is_known = (values < 3) | (values == 255)
  np.testing.assert_array_equal(found.indices[is_known], values[is_known])
  assert sum(found.unknown.values()) == (~is_known).sum()
  assert set(found.unknown) == {str(v) for v in values[~is_known]}


@hypothesis.given(
  strategies.lists(strategies.sampled_from(list(COLORS)), min_size=1)
)
@hypothesis.settings(
  max_examples=30,
  deadline=None,
  suppress_health_check=[hypothesis.HealthCheck.function_scoped_fixture],
)
def test_colours_are_looked_up(tmp_path, row):
  pixels = np.array([row, row], np.uint8)
  found = read(tmp_path, pixels, colors=COLORS)
  assert found.indices[0].tolist() == [COLORS[colour] for colour in row]
  assert not found.unknown


def test_map_applies_before_the_range_check(tmp_path):
  values = np.array([[0, 7, 300, 255]], np.uint16)
  found = read(tmp_path, values, values={7: 1, 300: 2, 0: 255})
  assert found.indices.tolist() == [[255, 1, 2, 255]]
  assert not found.unknown


def test_encoded_mask_is_an_index_png(tmp_path):
  indices = tiny_folder.stripes()
  path = tmp_path / 'mask.png'
  path.write_bytes(masks.encode(indices))
  image = Image.open(path)
  assert (image.format, image.mode) == ('PNG', 'L')
  np.testing.assert_array_equal(np.asarray(image), indices)


def test_a_plain_index_png_is_kept_as_it_is(tmp_path):
  found = read(tmp_path, tiny_folder.stripes())
  assert found.contents == (tmp_path / 'mask.png').read_bytes()
  assert found.histogram.sum() == found.indices.size
  assert found.histogram[255] == (found.indices == 255).sum() > 0


@pytest.mark.parametrize(
  ('image', 'rules'),
  [
    (tiny_folder.stripes(), {'values': {1: 2}}),
    (tiny_folder.stripes((0, 1, 7)), {}),
    (tiny_folder.stripes().astype(np.uint16), {}),
    (Image.fromarray(tiny_folder.stripes((0, 255))).convert('1'), {}),
    (Image.fromarray(np.dstack([tiny_folder.stripes()] * 3)), {}),
    (tiny_folder.palette_mask(tiny_folder.stripes((0, 1)), COLORS), {}),
  ],
)
def test_no_other_mask_is_kept(image, rules, tmp_path):
  found = read(tmp_path, image, **rules)
  assert found.contents is None
  counts = np.bincount(found.indices.ravel(), minlength=256)
  assert found.unknown or (found.histogram == counts).all()


RENUMBERED = ((255, 0, 0), (0, 0, 255), (0, 0, 0))


@pytest.mark.parametrize(
  ('mode', 'expected'),
  [('auto', [1, 2, 0]), ('color', [1, 2, 0]), ('index', [0, 1, 2])],
)
def test_mask_mode_decides_between_palette_and_index(tmp_path, mode, expected):
  image = tiny_folder.palette_mask(np.array([[0, 1, 2]], np.uint8), RENUMBERED)
  found = read(tmp_path, image, colors=COLORS, mode=mode)
  assert found.indices.tolist() == [expected]


def test_palette_of_other_colours_is_read_by_index(tmp_path):
  greys = [(40 * i, 40 * i, 40 * i) for i in range(3)]
  image = tiny_folder.palette_mask(np.array([[0, 1, 2]], np.uint8), greys)
  assert read(tmp_path, image, colors=COLORS).indices.tolist() == [[0, 1, 2]]


def test_palette_with_some_foreign_colours_is_not_guessed(tmp_path):
  colours = ((255, 0, 0), (9, 9, 9))
  image = tiny_folder.palette_mask(np.array([[0, 1]], np.uint8), colours)
  found = read(tmp_path, image, colors=COLORS)
  assert found.unknown == {'#090909': 1}


def test_color_mode_needs_colours():
  with pytest.raises(errors.UserError, match='--mask_mode=color'):
    masks.MaskRules(3, mode='color')


def test_unknown_mode_is_refused():
  with pytest.raises(errors.UserError, match='--mask_mode=rgb'):
    masks.MaskRules(3, mode='rgb')
