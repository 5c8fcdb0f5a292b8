"""Files that are no images that are read, under the name of one."""

import io

import pytest
from PIL import Image

from deeplab_nas.data import image_files, other_files
from tests.data import tiny_folder

KINDS = {
  'a HEIC image: convert it': b'\0\0\0\x18ftypheic\0\0\0\0mif1heic',
  'an AVIF image: convert it': b'\0\0\0\x20ftypavif\0\0\0\0avifmif1',
  'a raw photo': b'\0\0\0\x18ftypcrx \0\0\0\1',
  'a video: save the frames': b'\0\0\0\x18ftypmp42\0\0\0\0isom',
  'a JPEG XL image': b'\xff\x0a\xfa\x7f',
  'a pointer of Git LFS: run git lfs': b'version https://git-lfs.github.com/',
  'a web page: download': b'\n<!DOCTYPE HTML><html><title>404</title>',
  'a drawing': b'<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg">',
  'a text of XML or JSON': b'{"error": "not found"}',
  'a PDF document': b'%PDF-1.7\n',
  'a Photoshop file': b'8BPS\0\1',
  'a file of numbers': b'\x93NUMPY\1\0',
  'a DICOM file': b'\0' * 128 + b'DICM',
  'an archive: unpack': b'PK\x03\x04\x14\0',
}


@pytest.mark.parametrize('words', KINDS)
def test_what_the_first_bytes_tell(words):
  assert other_files.explain(KINDS[words]).startswith(f'is {words}')


def test_nothing_is_said_of_images_and_of_what_is_not_known():
  image = Image.fromarray(tiny_folder.picture())
  for name in ('PNG', 'JPEG', 'TIFF', 'WEBP', 'BMP', 'GIF', 'PPM'):
    stream = io.BytesIO()
    image.save(stream, name)
    assert other_files.explain(stream.getvalue()) is None
  assert other_files.explain(b'') is other_files.explain(b'rubbish') is None


def test_no_ending_is_both_read_and_not_read():
  assert other_files.has_ending('IMG_0001.HEIC')
  assert not other_files.has_ending('heic') and not other_files.has_ending('')
  assert not any(map(other_files.has_ending, image_files.EXTENSIONS))
