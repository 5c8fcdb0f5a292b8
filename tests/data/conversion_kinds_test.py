"""Images and masks of every kind become the records that they should."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from PIL import Image

from deeplab_nas import errors
from deeplab_nas.data import (
  layouts,
)
from tests.data import converted, png, tiny_folder
from tests.data.tiny_folder import picture, stripes

COLOURS = ((0, 0, 0), (200, 0, 0), (0, 0, 200))
COLOURED = 'sky 0 0 0\nroad 200 0 0\ncar 0 0 200\n'


@pytest.fixture
def folder(tmp_path):
  return tiny_folder.TinyFolder(tmp_path / 'data')


ODD_IMAGES = {
  'grey': lambda: Image.fromarray(picture()[..., 0]),
  'bilevel': lambda: Image.fromarray(stripes((0, 255))).convert('1'),
  'palette': lambda: Image.fromarray(picture()).quantize(16),
  'rgba': lambda: Image.fromarray(picture()).convert('RGBA'),
  'grey_alpha': lambda: Image.fromarray(picture()).convert('LA'),
}


@pytest.mark.parametrize('kind', ODD_IMAGES)
def test_odd_png_images_become_rgb(kind, folder, tmp_path):
  image = ODD_IMAGES[kind]()
  folder.image('a.png', image)
  info = converted.convert(layouts.folder(folder.root), tmp_path / 'out')
  found, _ = converted.read_back(tmp_path / 'out', info)['a']
  np.testing.assert_array_equal(found, np.asarray(image.convert('RGB')))


@pytest.mark.parametrize('ending', ['bmp', 'tif', 'ppm', 'gif', 'PNG'])
def test_other_image_formats_are_converted(ending, folder, tmp_path):
  folder.remove('images/a.png')
  image = Image.fromarray(picture())
  folder.image(f'a.{ending}', image)
  reread = Image.open(folder.root / f'images/a.{ending}').convert('RGB')
  info = converted.convert(layouts.folder(folder.root), tmp_path / 'out')
  found, _ = converted.read_back(tmp_path / 'out', info)['a']
  np.testing.assert_array_equal(found, np.asarray(reread))


def test_cmyk_jpeg_becomes_rgb(folder, tmp_path):
  folder.remove('images/a.png')
  grey = Image.new('RGB', (16, 12), (100, 150, 200))
  folder.image('a.JPEG', grey.convert('CMYK'), quality=100)
  info = converted.convert(layouts.folder(folder.root), tmp_path / 'out')
  found, _ = converted.read_back(tmp_path / 'out', info)['a']
  np.testing.assert_allclose(found, np.asarray(grey), atol=4)


def test_contents_of_jpeg_and_png_are_kept(folder, tmp_path):
  folder.remove('images/a.png')
  paths = [
    folder.image('a.jpg', picture()),
    folder.image('b.png', picture(), compress_level=1),
    folder.mask('b.png', stripes(), compress_level=0),
  ]
  converted.convert(layouts.folder(folder.root), tmp_path / 'out')
  records = b''.join(converted.contents(tmp_path / 'out').values())
  for path in paths:
    assert path.read_bytes() in records


@pytest.mark.parametrize('workers', [1, 2])
@pytest.mark.parametrize('kind', ['images', 'masks'])
def test_damage_that_pillow_overlooks_is_refused(
  kind, workers, folder, tmp_path
):
  path = folder.root / kind / 'a.png'
  contents = path.read_bytes()
  needed = png.chunk(b'ABCD', b'no program knows it')
  path.write_bytes(contents[:33] + needed + contents[33:])
  with pytest.raises(errors.UserError, match=f'{kind}/a.png is damaged'):
    converted.convert(
      layouts.folder(folder.root), tmp_path / 'out', workers=workers
    )
  assert not list((tmp_path / 'out').glob('*.tfrecord'))


MASKS = {
  'index': (stripes, ''),
  'bilevel': (lambda: Image.fromarray(stripes((0, 255))).convert('1'), ''),
  'deep': (lambda: stripes().astype(np.uint16), ''),
  'palette': (lambda: tiny_folder.palette_mask(stripes(), COLOURS), ''),
  'grey_rgb': (lambda: np.dstack([stripes()] * 3), ''),
  'opaque_rgba': (
    lambda: np.dstack([stripes()] * 3 + [np.full([12, 16], 255, np.uint8)]),
    '',
  ),
  'rgb': (lambda: np.array(COLOURS, np.uint8)[stripes((0, 1, 2))], COLOURED),
  'renumbered_palette': (
    lambda: tiny_folder.palette_mask(
      stripes((2, 0, 1)), (COLOURS[1], COLOURS[2], COLOURS[0])
    ),
    COLOURED,
  ),
  'index_with_colours': (lambda: stripes((0, 1, 2)), COLOURED),
}
EXPECTED = {
  'bilevel': stripes((0, 1)),
  'rgb': stripes((0, 1, 2)),
  'renumbered_palette': stripes((0, 1, 2)),
  'index_with_colours': stripes((0, 1, 2)),
}


@pytest.mark.parametrize('kind', MASKS)
def test_masks_of_every_kind_become_indices(kind, folder, tmp_path):
  mask, labels = MASKS[kind]
  folder.mask('a.png', mask())
  if labels:
    folder.write('labels.txt', labels)
  info = converted.convert(layouts.folder(folder.root), tmp_path / 'out')
  _, found = converted.read_back(tmp_path / 'out', info)['a']
  np.testing.assert_array_equal(found, EXPECTED.get(kind, stripes()))


def test_unknown_colour_is_named(folder, tmp_path):
  folder.write('labels.txt', COLOURED)
  pixels = np.array([*COLOURS, (9, 9, 9)], np.uint8)[stripes((0, 1, 3))]
  folder.mask('a.png', pixels)
  with pytest.raises(errors.UserError, match='--map=#090909:ignore'):
    converted.convert(layouts.folder(folder.root), tmp_path / 'out')
  options = layouts.MaskOptions(mapping='#090909:ignore')
  source = layouts.folder(folder.root, options=options)
  info = converted.convert(source, tmp_path / 'out')
  _, found = converted.read_back(tmp_path / 'out', info)['a']
  np.testing.assert_array_equal(found, stripes((0, 1, 255)))


def test_binary_masks_pass_when_the_map_says_that_255_is_a_class(
  folder, tmp_path
):
  for name in 'abcd':
    folder.mask(f'{name}.png', stripes((0, 255)))
  source = layouts.folder(folder.root, options=layouts.MaskOptions('255:1'))
  info = converted.convert(source, tmp_path / 'out')
  assert info.splits['train'].class_pixels == (3 * 96, 3 * 96, 0)
  # Without it there is a single class, which is right for every pixel.
  source = layouts.folder(
    folder.root, options=layouts.MaskOptions('255:ignore')
  )
  with pytest.raises(errors.UserError, match='nothing can be learnt'):
    converted.convert(source, tmp_path / 'none')


@pytest.mark.parametrize('orientation', [5, 6, 7, 8])
def test_exif_rotation_follows_the_mask(orientation, folder, tmp_path):
  exif = Image.Exif()
  exif[0x0112] = orientation
  stored = Image.fromarray(np.repeat(np.repeat(picture(), 8, 0), 8, 1))
  for name in 'ab':
    folder.remove(f'images/{name}.png')
    folder.image(f'{name}.jpg', stored, exif=exif, quality=100)
  folder.mask('a.png', stripes(size=(128, 96)))  # turned
  folder.mask('b.png', stripes(size=(96, 128)))  # as stored
  info = converted.convert(layouts.folder(folder.root), tmp_path / 'out')
  found = converted.read_back(tmp_path / 'out', info)
  turn = {
    5: lambda x: x.transpose(1, 0, 2),
    6: lambda x: np.rot90(x, -1),
    7: lambda x: np.rot90(x, 2).transpose(1, 0, 2),
    8: lambda x: np.rot90(x, 1),
  }[orientation]
  pixels = np.asarray(Image.open(folder.root / 'images/a.jpg'))
  np.testing.assert_array_equal(found['a'][0], turn(pixels))
  np.testing.assert_array_equal(found['b'][0], turn(pixels))
  label = stripes(size=(96, 128))
  expected = turn(np.repeat(label[..., None], 3, -1))[..., 0]
  np.testing.assert_array_equal(found['b'][1], expected)


def test_large_images_are_refused(folder, tmp_path):
  source = layouts.folder(folder.root)
  source = dataclasses.replace(source, max_pixels=12 * 16 - 1)
  for workers in (1, 2):
    with pytest.raises(errors.UserError, match='images/a.png has 16 x 12 pix'):
      converted.convert(source, tmp_path / 'out', workers=workers)


def test_masks_that_count_from_one_are_shifted_by_the_suggested_map(
  folder, tmp_path
):
  for name in 'abcd':
    folder.mask(f'{name}.png', stripes((0, 1, 2, 3)))
  suggestion = '0:ignore,1:0,2:1,3:2'
  with pytest.raises(errors.UserError, match=f'--map={suggestion}'):
    converted.convert(layouts.folder(folder.root), tmp_path / 'out')
  options = layouts.MaskOptions(mapping=suggestion)
  source = layouts.folder(folder.root, options=options)
  info = converted.convert(source, tmp_path / 'out')
  _, found = converted.read_back(tmp_path / 'out', info)['a']
  np.testing.assert_array_equal(found, stripes((255, 0, 1, 2)))
