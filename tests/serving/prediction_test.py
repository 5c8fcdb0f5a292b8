"""Files in, masks out; what cannot be read is reported and left out."""

import pathlib

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from deeplab_nas import errors
from deeplab_nas.data import palettes
from deeplab_nas.serving import inputs, prediction
from tests.serving import tiny


def picture(height=12, width=16, seed=0):
  rng = np.random.default_rng(seed)
  return rng.integers(0, 256, [height, width, 3], np.uint8)


def brightest(image):
  """A stand-in for a model: the class is the largest channel."""
  return image.argmax(-1).astype(np.uint8)


@pytest.fixture
def folder(tmp_path):
  root = tmp_path / 'images'
  (root / 'sub').mkdir(parents=True)
  Image.fromarray(picture()).save(root / 'a.png')
  Image.fromarray(picture(9, 5)).save(root / 'sub' / 'b.bmp')
  (root / 'notes.txt').write_text('no image')
  return root


def test_mask_overlay_and_sheet_of_every_image(folder, tmp_path):
  output = tmp_path / 'out'
  images = inputs.find_images(str(folder))
  assert prediction.predict(brightest, images, tiny.INFO, output) == []
  for name, image in (('a', picture()), ('sub/b', picture(9, 5))):
    mask = Image.open(output / 'masks' / f'{name}.png')
    assert mask.mode == 'L'
    np.testing.assert_array_equal(np.asarray(mask), brightest(image))
    overlay = Image.open(output / 'overlays' / f'{name}.jpg')
    assert overlay.size == mask.size
  sheet = np.asarray(Image.open(output / 'contact_sheet.png'))
  assert sheet.shape[0] > 2 * 300 and sheet.shape[2] == 3


def test_an_image_that_cannot_be_read_does_not_stop_the_others(
  folder, tmp_path
):
  (folder / 'broken.jpg').write_bytes(b'\xff\xd8\xff nothing more')
  images = inputs.find_images(str(folder))
  problems = prediction.predict(brightest, images, tiny.INFO, tmp_path / 'out')
  (problem,) = problems
  assert 'broken.jpg cannot be decoded' in problem
  masks = sorted(
    path.name for path in (tmp_path / 'out').rglob('masks/**/*.png')
  )
  assert masks == ['a.png', 'b.png']


def test_names_keep_what_tells_images_apart():
  for paths, expected in (
    (('x/a.png', 'x/y/b.png'), ['a', 'y/b']),
    (('x/a.png', 'x/a.jpg', 'x/y/b.png'), ['a.png', 'a.jpg', 'y/b.png']),
    (('a.jpg', 'a.png', 'a.jpg.png'), ['a.jpg', 'a.png', 'a.jpg.png']),
  ):
    assert prediction.output_names(list(map(pathlib.Path, paths))) == expected


def test_results_of_an_earlier_call_are_no_images(folder):
  before = inputs.find_images(str(folder))
  output = folder / 'out'
  prediction.predict(brightest, before, tiny.INFO, output)
  assert inputs.find_images(str(folder), output) == before
  assert len(inputs.find_images(str(folder))) > len(before)


def grey(pixels):
  return Image.fromarray(pixels[..., 0])


@pytest.mark.parametrize(
  'name, convert, options',
  [
    ('rgb.png', Image.fromarray, {}),
    ('rgb.jpg', Image.fromarray, {'quality': 80}),
    ('grey.jpg', grey, {}),
    ('grey.png', grey, {}),
    ('alpha.png', lambda x: Image.fromarray(x).convert('RGBA'), {}),
    ('palette.png', lambda x: Image.fromarray(x).convert('P'), {}),
  ],
)
def test_pixels_are_those_that_an_exported_model_decodes(
  tmp_path, name, convert, options
):
  path = tmp_path / name
  convert(picture(33, 20)).save(path, **options)
  expected = tf.io.decode_jpeg(
    path.read_bytes(), channels=3, dct_method='INTEGER_ACCURATE'
  )
  np.testing.assert_array_equal(prediction.read_image(path), expected)


def test_other_formats_are_read_too(tmp_path):
  for name in ('a.bmp', 'a.tif', 'a.ppm', 'a.webp'):
    options = {'lossless': True} if name.endswith('webp') else {}
    Image.fromarray(picture()).save(tmp_path / name, **options)
    np.testing.assert_array_equal(
      prediction.read_image(tmp_path / name), picture()
    )


@pytest.mark.parametrize('ending', ['tif', 'png'])
def test_deep_pixels_are_refused(tmp_path, ending):
  path = tmp_path / f'a.{ending}'
  Image.fromarray(np.full([4, 4], 4095, np.uint16)).save(path)
  with pytest.raises(errors.UserError, match='more than 8 bits per channel'):
    prediction.read_image(path)


@pytest.mark.parametrize('ending', ['png', 'jpg', 'tif', 'webp'])
def test_a_photo_is_turned_upright(tmp_path, ending):
  exif = Image.Exif()
  exif[0x0112] = 6
  path = tmp_path / f'a.{ending}'
  Image.fromarray(picture(8, 24)).save(path, exif=exif)
  assert prediction.read_image(path).shape == (24, 8, 3)


def test_the_overlay_has_the_colours_of_the_classes(folder, tmp_path):
  prediction.predict(
    lambda image: np.full(image.shape[:2], 1, np.uint8),
    [folder / 'a.png'],
    tiny.INFO,
    tmp_path / 'out',
  )
  overlay = np.asarray(
    Image.open(tmp_path / 'out' / 'overlays' / 'a.jpg'), np.float32
  )
  mixed = 0.4 * picture() + 0.6 * palettes.colorize(
    np.ones([1, 1], int), tiny.INFO.palette
  )
  assert abs(overlay.mean((0, 1)) - mixed.mean((0, 1))).max() < 4


@pytest.mark.parametrize('size', [(16, 66000), (66000, 16), (20000, 64)])
def test_a_very_long_image_is_segmented_and_shown_small(tmp_path, size):
  Image.fromarray(picture(*size)).save(tmp_path / 'long.png')
  output = tmp_path / 'out'
  images = [tmp_path / 'long.png']
  assert prediction.predict(brightest, images, tiny.INFO, output) == []
  for found in (
    output / 'masks' / 'long.png',
    next(output.glob('overlays/long.*')),
  ):
    assert Image.open(found).size == size[::-1]
  sheet = Image.open(output / 'contact_sheet.png')
  assert sheet.width == 640 and sheet.height < 600


def test_what_cannot_be_done_does_not_stop_the_others(folder, tmp_path):
  (folder / 'b.png').write_bytes((folder / 'a.png').read_bytes())
  (folder / ('z' * 253)).write_bytes((folder / 'a.png').read_bytes())
  images = [folder / 'a.png', folder / 'b.png', folder / ('z' * 253)]
  calls = []

  def first_fails(image):
    calls.append(image)
    if len(calls) == 1:
      raise tf.errors.ResourceExhaustedError(None, None, 'OOM')
    return brightest(image)

  problems = prediction.predict(
    first_fails, images, tiny.INFO, tmp_path / 'out'
  )
  first, second = problems
  assert 'a.png has 16 x 12 pixels' in first and '--tile=513' in first
  assert 'is too long for that of a mask' in second
  assert [p.name for p in (tmp_path / 'out' / 'masks').iterdir()] == ['b.png']


def test_a_full_disk_or_a_fault_of_ours_ends_it(folder, tmp_path):
  def fault(image):
    raise ZeroDivisionError

  with pytest.raises(ZeroDivisionError):
    prediction.predict(fault, [folder / 'a.png'], tiny.INFO, tmp_path / 'out')
