from __future__ import annotations

import struct
import tracemalloc
import zlib

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image, ImageCms, ImageOps

from deeplab_nas import errors
from deeplab_nas.data import example_schema, image_files
from tests.data import png
from tests.data.tiny_folder import picture


def save(path, pixels, **options) -> str:
  Image.fromarray(pixels).save(path, **options)
  return str(path)


@pytest.mark.parametrize('ending', ['png', 'jpg'])
def test_plain_files_are_kept_as_they_are(ending, tmp_path):
  path = save(tmp_path / f'a.{ending}', picture())
  found = image_files.read(path)
  assert found.encoded == (tmp_path / f'a.{ending}').read_bytes()
  assert found.image_format == {'png': 'png', 'jpg': 'jpeg'}[ending]
  assert found.size == (12, 16) and found.is_kept


def test_other_files_are_not_kept(tmp_path):
  found = image_files.read(save(tmp_path / 'a.bmp', picture()))
  assert found.image_format == 'png' and not found.is_kept


def test_channel_sums_are_those_of_the_pixels(tmp_path):
  found = image_files.read(save(tmp_path / 'a.png', picture()))
  assert found.channel_sums == tuple(picture().sum((0, 1)).tolist())


def test_a_file_type_is_recognised_by_contents_not_by_name(tmp_path):
  path = save(tmp_path / 'a.png', picture(), format='JPEG')
  assert image_files.read(path).image_format == 'jpeg'


def test_dropped_alpha_is_noted(tmp_path):
  rgba = np.dstack([picture(), picture(1)[..., 0]])
  found = image_files.read(save(tmp_path / 'a.png', rgba))
  assert found.note == 'an alpha channel was dropped'


def test_missing_file_and_directory_are_refused(tmp_path):
  with pytest.raises(errors.UserError, match='does not exist'):
    image_files.read(str(tmp_path / 'none.png'))
  with pytest.raises(errors.UserError, match='is not a file'):
    image_files.read(str(tmp_path))


def png_of_size(width: int, height: int, *chunks) -> bytes:
  """A PNG that says to be of that size, with almost no data."""
  header = struct.pack('>IIBBBBB', width, height, 8, 2, 0, 0, 0)
  data = b'\x89PNG\r\n\x1a\n'
  for kind, body in (
    (b'IHDR', header),
    *chunks,
    (b'IDAT', zlib.compress(b'\0' * 1000)),
    (b'IEND', b''),
  ):
    data += struct.pack('>I', len(body)) + kind + body
    data += struct.pack('>I', zlib.crc32(kind + body))
  return data


@pytest.mark.parametrize('read', [image_files.load, image_files.refuse_large])
def test_enormous_images_are_refused(tmp_path, read):
  path = save(tmp_path / 'a.png', picture())
  read(path, 12 * 16)
  with pytest.raises(errors.UserError, match='16 x 12 pixels.*tiles') as caught:
    read(path, 12 * 16 - 1)
  assert str(caught.value).startswith(f'{path} has 16 x 12')


def test_the_header_is_enough_to_refuse_a_bomb(tmp_path):
  files = {
    'wide.png': png_of_size(12000, 12000),
    'wider.png': png_of_size(2**31 - 1, 2**31 - 1),
  }
  tracemalloc.start()
  for name, content in files.items():
    (tmp_path / name).write_bytes(content)
    with pytest.raises(errors.UserError, match=name):
      image_files.load(str(tmp_path / name))
  assert tracemalloc.get_traced_memory()[1] < 10**7
  tracemalloc.stop()


@pytest.fixture(scope='module')
def bombs() -> list[bytes]:
  """Packed texts, the second of which is long when packed too."""
  return [zlib.compress(b'x' * size) for size in (10**7, 10**8)]


@pytest.mark.parametrize(
  'chunk',
  [
    (b'zTXt', b'key\0\0'),
    (b'iTXt', b'k\0\1\0\0\0'),
    (b'iCCP', b'key\0\0'),
    (b'zTXt', b'Raw profile type exif\0\0'),
    (b'iTXt', b'XML:com.adobe.xmp\0\1\0\0\0'),
  ],
)
def test_a_bomb_in_a_text_is_not_unpacked(tmp_path, bombs, chunk):
  kind, start = chunk
  for bomb in bombs:
    path = tmp_path / 'a.png'
    path.write_bytes(png_of_size(12, 12, (kind, start + bomb)))
    tracemalloc.start()
    assert image_files.load(str(path)).image.size == (12, 12)
    assert tracemalloc.get_traced_memory()[1] < 5 * 10**6
    tracemalloc.stop()


def test_a_file_too_long_to_be_an_image_is_not_read(tmp_path):
  path = tmp_path / 'long.png'
  with open(path, 'wb') as file:
    file.truncate(2**40)
  for read in (image_files.load, image_files.refuse_large):
    with pytest.raises(errors.UserError, match='1099511627776 bytes, more'):
      read(str(path))


def test_what_is_no_image_is_left_to_others(tmp_path):
  path = tmp_path / 'a.png'
  path.write_bytes(b'rubbish')
  assert image_files.refuse_large(path) is None


def test_other_formats_of_pillow_are_refused_whatever_their_name(tmp_path):
  path = tmp_path / 'a.png'
  path.write_bytes(b'%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n')
  with pytest.raises(errors.UserError, match='a.png is a PostScript document'):
    image_files.load(str(path))
  path.write_bytes(b'rubbish')
  with pytest.raises(errors.UserError, match='not an image format'):
    image_files.load(str(path))


def in_mode(mode: str) -> Image.Image:
  image = Image.fromarray(picture())
  return image.convert('RGB').convert(mode)


def oriented(value: int) -> Image.Exif:
  exif = Image.Exif()
  exif[0x0112] = value
  return exif


def profile() -> bytes:
  made = ImageCms.createProfile('XYZ')
  return ImageCms.ImageCmsProfile(made).tobytes()


# File name: image, and how it is saved.
ZOO = {
  **{f'{m}.png': (m, {}) for m in ('1', 'L', 'LA', 'P', 'RGB', 'RGBA')},
  **{f'{m}.tif': (m, {}) for m in ('1', 'L', 'P', 'RGB', 'CMYK', 'YCbCr')},
  **{f'{m}.jpg': (m, {}) for m in ('L', 'RGB', 'CMYK', 'YCbCr')},
  **{f'{m}.bmp': (m, {}) for m in ('1', 'L', 'P', 'RGB', 'RGBA')},
  **{f'{m}.gif': (m, {}) for m in ('1', 'L', 'P')},
  **{f'{m}.webp': (m, {'lossless': True}) for m in ('RGB', 'RGBA')},
  **{f'{m}.ppm': (m, {}) for m in ('1', 'L', 'RGB')},
  **{f'{n}_bits.png': ('P', {'bits': n}) for n in (1, 2, 4)},
  'progressive.jpg': ('RGB', {'progressive': True}),
  'subsampled.jpg': ('RGB', {'subsampling': 2}),
  'transparent.png': ('P', {'transparency': 3}),
  'transparent_rgb.png': ('RGB', {'transparency': (1, 2, 3)}),
  'packed.tif': ('RGB', {'compression': 'tiff_lzw'}),
  'profile.png': ('RGB', {'icc_profile': profile()}),
  'profile.jpg': ('RGB', {'icc_profile': profile()}),
  'profile.tif': ('CMYK', {'icc_profile': profile()}),
  **{
    f'turned_{value}.{ending}': ('RGB', {'exif': oriented(value)})
    for value in range(1, 9)
    for ending in ('jpg', 'png', 'tif', 'webp')
  },
  'turned_grey.png': ('L', {'exif': oriented(6)}),
}


def decoded(found: image_files.ImageFile) -> np.ndarray:
  return example_schema.decode_image(tf.constant(found.encoded)).numpy()


@pytest.mark.parametrize('name', ZOO)
def test_pixels_are_the_upright_rgb_values_of_every_file(name, tmp_path):
  mode, options = ZOO[name]
  path = tmp_path / name
  in_mode(mode).save(path, **options)
  found = image_files.read(str(path))
  with Image.open(path) as image:
    expected = ImageOps.exif_transpose(image).convert('RGB')
  np.testing.assert_array_equal(decoded(found), expected)
  assert found.size == expected.size[::-1]
  assert found.channel_sums == tuple(np.sum(expected, (0, 1)).tolist())


@pytest.mark.parametrize('size', [(12, 16), (1, 1), (3, 9), (5, 2)])
def test_interlaced_files_are_kept(size, tmp_path):
  path = tmp_path / 'a.png'
  path.write_bytes(png.interlaced(picture(size=size)))
  found = image_files.read(str(path))
  assert found.is_kept
  np.testing.assert_array_equal(decoded(found), picture(size=size))


@pytest.mark.parametrize('bits', [2, 4])
def test_few_bits_of_grey_are_stretched(bits, tmp_path):
  path = tmp_path / 'a.png'
  path.write_bytes(png.grey(np.arange(8) % 2**bits, bits))
  expected = np.repeat(np.arange(8)[None, :, None] % 2**bits, 3, -1)
  found = decoded(image_files.read(str(path)))
  np.testing.assert_array_equal(found, expected * (255 // (2**bits - 1)))


@pytest.mark.parametrize('name', ['a.png', 'a.tif', 'a.pgm'])
def test_more_than_8_bits_are_refused(name, tmp_path):
  path = save(tmp_path / name, np.full([4, 4], 4095, np.uint16))
  with pytest.raises(errors.UserError, match='more than 8 bits per channel'):
    image_files.read(path)


def test_more_than_8_bits_of_ppm_are_refused(tmp_path):
  path = tmp_path / 'a.ppm'
  path.write_bytes(b'P6 # of a camera\n1 1 # one pixel\n1023\n' + bytes(6))
  with pytest.raises(errors.UserError, match='more than 8 bits per channel'):
    image_files.read(str(path))


def test_the_video_of_a_motion_photo_is_left_out(tmp_path):
  path = tmp_path / 'a.jpg'
  save(path, picture())
  photo = path.read_bytes()
  path.write_bytes(photo + b'\0\0\0\x1cftypmp42\xff\xda' + bytes(999))
  found = image_files.read(str(path))
  assert found.encoded == photo and not found.is_kept


@pytest.mark.parametrize('mode', ['1', 'L', 'P', 'RGB', 'CMYK'])
@pytest.mark.parametrize('compression', ['raw', 'tiff_lzw'])
def test_pixels_of_tiff_files_are_those_stored(mode, compression, tmp_path):
  for value in range(1, 9):
    path = tmp_path / f'{value}.tif'
    options = {'exif': oriented(value), 'compression': compression}
    in_mode(mode).save(path, **options)
    found = image_files.load(str(path))
    assert found.orientation == value
    np.testing.assert_array_equal(found.image, in_mode(mode))
