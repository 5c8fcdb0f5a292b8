from __future__ import annotations

import struct
import tracemalloc
import zlib

import numpy as np
import pytest
from PIL import Image

from deeplab_nas import errors
from deeplab_nas.data import image_files
from tests.data.tiny_folder import picture


def save(path, pixels, **options) -> str:
  Image.fromarray(pixels).save(path, **options)
  return str(path)


@pytest.mark.parametrize('ending', ['png', 'jpg'])
def test_plain_files_are_kept_as_they_are(ending, tmp_path):
  path = save(tmp_path / f'a.{ending}', picture())
  found = image_files.read(path, None)
  assert found.encoded == (tmp_path / f'a.{ending}').read_bytes()
  assert found.image_format == {'png': 'png', 'jpg': 'jpeg'}[ending]
  assert found.size == (12, 16) and found.is_kept


def test_other_files_are_not_kept(tmp_path):
  found = image_files.read(save(tmp_path / 'a.bmp', picture()), None)
  assert found.image_format == 'png' and not found.is_kept


def test_channel_sums_are_those_of_the_pixels(tmp_path):
  found = image_files.read(save(tmp_path / 'a.png', picture()), None)
  assert found.channel_sums == tuple(picture().sum((0, 1)).tolist())


def test_file_type_is_told_by_contents_not_by_name(tmp_path):
  path = save(tmp_path / 'a.png', picture(), format='JPEG')
  assert image_files.read(path, None).image_format == 'jpeg'


def test_dropped_alpha_is_noted(tmp_path):
  rgba = np.dstack([picture(), picture(1)[..., 0]])
  found = image_files.read(save(tmp_path / 'a.png', rgba), None)
  assert found.note == 'an alpha channel was dropped'


def test_missing_file_and_directory_are_refused(tmp_path):
  with pytest.raises(errors.UserError, match='does not exist'):
    image_files.read(str(tmp_path / 'none.png'), None)
  with pytest.raises(errors.UserError, match='is not a file'):
    image_files.read(str(tmp_path), None)


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
  bomb = zlib.compress(b'x' * 10**8)
  files = {
    'wide.png': png_of_size(12000, 12000),
    'wider.png': png_of_size(2**31 - 1, 2**31 - 1),
    'text.png': png_of_size(12, 12, (b'zTXt', b'key\0\0' + bomb)),
    'itext.png': png_of_size(12, 12, (b'iTXt', b'k\0\1\0\0\0' + bomb)),
    'profile.png': png_of_size(12, 12, (b'iCCP', b'key\0\0' + bomb)),
  }
  tracemalloc.start()
  for name, content in files.items():
    (tmp_path / name).write_bytes(content)
    with pytest.raises(errors.UserError, match=name):
      image_files.load(str(tmp_path / name))
  assert tracemalloc.get_traced_memory()[1] < 10**7
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
  image_files.refuse_large(path)


def test_other_formats_of_pillow_are_refused_whatever_their_name(tmp_path):
  path = tmp_path / 'a.png'
  path.write_bytes(b'%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n')
  with pytest.raises(errors.UserError, match='not an image format'):
    image_files.load(str(path))
