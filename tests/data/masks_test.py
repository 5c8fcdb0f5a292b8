from __future__ import annotations

import hypothesis
import hypothesis.extra.numpy
import numpy as np
import pytest
from hypothesis import strategies
from PIL import Image

from deeplab_nas.data import mask_rules, masks, orientation
from tests.data import png, tiny_folder

COLORS = {(0, 0, 0): 0, (255, 0, 0): 1, (0, 0, 255): 2}


def read(tmp_path, image, **rules) -> masks.MaskFile:
  if not isinstance(image, Image.Image):
    image = Image.fromarray(image)
  path = tmp_path / 'mask.png'
  image.save(path)
  rules = mask_rules.MaskRules(**{'num_classes': 3, **rules})
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


@pytest.mark.parametrize('bits', [1, 2, 4])
def test_few_bits_of_grey_are_indices(tmp_path, bits):
  row = np.arange(8) % min(2**bits, 3)
  (tmp_path / 'a.png').write_bytes(png.grey(row, bits))
  rules = mask_rules.MaskRules(3)
  found = masks.read(str(tmp_path / 'a.png'), rules)
  assert found.indices.tolist() == [row.tolist()]
  assert not found.unknown and found.contents is None


@pytest.mark.parametrize('maximum', [2, 3, 15, 100, 255, 1000, 65535])
@pytest.mark.parametrize('kind', ['P2', 'P5'])
def test_values_of_pgm_files_are_those_stored(tmp_path, maximum, kind):
  row = np.array([0, 1, 2, min(maximum, 255)])
  data = row.astype('u1' if maximum < 256 else '>u2').tobytes()
  if kind == 'P2':
    data = ' '.join(map(str, row)).encode()
  path = tmp_path / 'a.pgm'
  path.write_bytes(f'{kind}\n# labels\n4 1\n{maximum}\n'.encode() + data)
  found = masks.read(str(path), mask_rules.MaskRules(200))
  assert found.indices.tolist() == [row.tolist()]


INVERTED = {(255, 255, 255): 0, (0, 0, 0): 1}


@pytest.mark.parametrize('mode', ['1', 'L', 'P', 'RGB'])
def test_black_and_white_are_colours_in_every_mode(tmp_path, mode):
  image = Image.fromarray(np.array([[0, 255, 255]], np.uint8)).convert(mode)
  found = read(tmp_path, image, num_classes=2, colors=INVERTED)
  assert found.indices.tolist() == [[1, 0, 0]]


@pytest.mark.parametrize('palette', [(1, 0, 2), (2, 1, 0), (0, 2, 1)])
def test_greys_of_a_renumbered_palette_are_the_indices(tmp_path, palette):
  colours = [(grey,) * 3 for grey in palette]
  row = np.array([[0, 1, 2]], np.uint8)
  found = read(tmp_path, tiny_folder.palette_mask(row, colours))
  assert found.indices.tolist() == [list(palette)]


def test_a_palette_read_by_index_is_noted(tmp_path):
  image = tiny_folder.palette_mask(np.array([[0, 2]], np.uint8), COLORS)
  assert read(tmp_path, image).palette == {0: '#000000', 2: '#0000ff'}
  assert not read(tmp_path, image, mode='index').palette
  black = tiny_folder.palette_mask(np.array([[0, 2]], np.uint8), [])
  assert not read(tmp_path, black).palette


def test_the_greys_of_colours_are_recognised(tmp_path):
  colours = np.array([*COLORS], np.uint8)[None]
  found = read(tmp_path, Image.fromarray(colours).convert('L'), colors=COLORS)
  assert found.unknown == {'29': 1, '76': 1}
  assert found.likely == {'0': 0, '76': 1, '29': 2}


@pytest.mark.parametrize('how', range(1, 9))
def test_a_turned_mask_is_no_longer_the_file(tmp_path, how):
  found = read(tmp_path, tiny_folder.stripes())
  turned = found.turned(how)
  assert (turned.contents is None) == (how > 1)
  expected = orientation.turned(Image.fromarray(found.indices), how)
  np.testing.assert_array_equal(turned.indices, expected)


def test_the_orientation_of_a_mask_is_noted(tmp_path):
  exif = Image.Exif()
  exif[0x0112] = 6
  for name in ('a.png', 'a.tif'):
    Image.fromarray(tiny_folder.stripes()).save(tmp_path / name, exif=exif)
    found = masks.read(str(tmp_path / name), mask_rules.MaskRules(3))
    assert found.orientation == 6 and found.indices.shape == (12, 16)


def test_the_greys_of_colours_are_recognised_beside_black_and_white(tmp_path):
  # Black and white are colours of classes, so that this is read by colour.
  colours = {(0, 0, 0): 0, (0, 128, 0): 1, (255, 255, 255): 2}
  found = read(tmp_path, tiny_folder.stripes((0, 75, 255)), colors=colours)
  assert set(found.unknown) == {'#4b4b4b'}
  assert found.likely == {'#4b4b4b': 1}
  other = read(tmp_path, tiny_folder.stripes((0, 76, 255)), colors=colours)
  assert set(other.unknown) == {'#4c4c4c'} and not other.likely
  pixels = np.zeros([2, 2, 3], np.uint8)
  pixels[0] = 75, 75, 75
  pixels[1] = 0, 128, 0
  assert not read(tmp_path, pixels, colors=colours).likely


def test_greys_of_16_bits_are_read_by_the_colours_of_classes(tmp_path):
  colors = {(255, 255, 255): 0, (0, 0, 0): 1, (128, 128, 128): 2}
  values = np.array([[65535, 0, 128 * 257]], np.uint16)
  found = read(tmp_path, values, colors=colors)
  np.testing.assert_array_equal(found.indices, [[0, 1, 2]])
  assert not found.unknown


@pytest.mark.parametrize(
  'rules',
  [{}, {'mode': 'index'}, {'values': {65535: 1}}, {'colors': COLORS}],
)
def test_greys_of_16_bits_are_values_otherwise(rules, tmp_path):
  colors = {(255, 255, 255): 0, (0, 0, 0): 1} if rules else {}
  values = np.array([[65535, 0]], np.uint16)
  found = read(tmp_path, values, **{'colors': colors, **rules})
  expected = {} if 'values' in rules else {'65535': 1}
  assert found.unknown == expected
  assert found.indices[0, 1] == 0
