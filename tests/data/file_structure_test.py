from __future__ import annotations

import io
import zlib

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from deeplab_nas.data import file_structure
from tests.data import png
from tests.data.tiny_folder import picture


def encoded(kind: str, **options) -> bytes:
  stream = io.BytesIO()
  Image.fromarray(picture()).save(stream, kind, **options)
  return stream.getvalue()


def with_chunk(data: bytes) -> bytes:
  """A PNG file with one more chunk after the first."""
  contents = encoded('PNG')
  return contents[:33] + data + contents[33:]


@pytest.mark.parametrize('kind', ['PNG', 'JPEG', 'BMP', 'TIFF', 'WEBP'])
def test_sound_files_stay_as_they_are(kind):
  contents = encoded(kind)
  assert file_structure.sound_part(contents) is contents


# A video of a phone holds whatever there is, also markers.
TRAILERS = (b'\0', b'ftypmp42' + b'\xff\xda\0\2\xff\xd8' * 9, b'\xff' * 99)


@pytest.mark.parametrize('trailer', TRAILERS)
@pytest.mark.parametrize('kind', ['PNG', 'JPEG'])
@pytest.mark.parametrize('options', [{}, {'progressive': True}])
def test_what_follows_the_end_is_cut_away(trailer, kind, options):
  contents = encoded(kind, **options)
  assert file_structure.sound_part(contents + trailer) == contents


def test_the_end_of_a_thumbnail_is_not_the_end():
  thumbnail = b'Exif\0\0' + encoded('JPEG', quality=5)
  contents = encoded('JPEG', exif=thumbnail)
  assert contents.count(b'\xff\xd9') == 2
  assert file_structure.sound_part(contents) is contents


@pytest.mark.parametrize('kind', ['PNG', 'JPEG'])
@pytest.mark.parametrize('missing', [1, 2, 12, 30, 400])
def test_a_file_without_its_end_is_damaged(kind, missing):
  with pytest.raises(file_structure.Damaged, match='cut off'):
    file_structure.sound_part(encoded(kind)[:-missing])


@pytest.mark.parametrize('kind', [b'tEXt', b'zTXt', b'pHYs', b'eXIf', b'gAMA'])
def test_a_wrong_checksum_costs_a_png_no_more_than_that_chunk(kind):
  data = png.chunk(kind, b'Comment\0of an editor', error=1)
  assert file_structure.sound_part(with_chunk(data)) == encoded('PNG')


def test_a_wrong_checksum_of_pixels_is_damage():
  contents = bytearray(encoded('PNG'))
  contents[contents.index(b'IDAT') + 9] ^= 1
  with pytest.raises(file_structure.Damaged, match='chunk IDAT'):
    file_structure.sound_part(bytes(contents))


def test_huge_texts_are_left_out():
  data = png.chunk(b'tEXt', b'Comment\0' + b'x' * 10**7)
  assert file_structure.sound_part(with_chunk(data)) == encoded('PNG')


def test_of_texts_only_those_that_may_note_an_orientation_are_read():
  contents = with_chunk(png.chunk(b'tEXt', b'Comment\0short'))
  assert file_structure.sound_part(contents) is contents
  assert file_structure.without_text(contents) == encoded('PNG')
  info = PngImagePlugin.PngInfo()
  xmp = '<rdf:Description tiff:Orientation="6"/>'
  info.add_itxt('XML:com.adobe.xmp', xmp, zip=True)
  contents = encoded('PNG', pnginfo=info)
  assert file_structure.without_text(contents) == contents
  image = Image.open(io.BytesIO(contents))
  image.load()
  assert image.getexif()[0x0112] == 6


def test_other_files_have_no_text():
  assert file_structure.without_text(b'GIF89a') == b'GIF89a'


def test_pixels_do_not_change():
  data = png.chunk(b'zTXt', b'Comment\0\0' + zlib.compress(b'x' * 10**7))
  contents = file_structure.sound_part(with_chunk(data) + b'more')
  image = Image.open(io.BytesIO(file_structure.without_text(contents)))
  np.testing.assert_array_equal(image, picture())
