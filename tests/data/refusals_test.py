"""Every kind of bad folder is refused in sentences, and nothing is written."""

from __future__ import annotations

import io
import os

import numpy as np
import pytest
from PIL import Image

from deeplab_nas import errors
from deeplab_nas.data import conversion, layouts
from tests.data import png, tiny_folder
from tests.data.tiny_folder import picture, stripes


def _bytes(pixels, kind: str, **options) -> bytes:
  stream = io.BytesIO()
  Image.fromarray(pixels).save(stream, kind, **options)
  return stream.getvalue()


def _unknown(folder):
  folder.mask('a.png', stripes((0, 1, 7)))
  folder.mask('b.png', stripes((0, 9)))


def _binary(folder):
  for name in 'abcd':
    folder.mask(f'{name}.png', stripes((0, 255)))


def _photo(folder):
  folder.mask('a.png', picture()[..., 0])


def _size(folder):
  folder.mask('b.png', stripes(size=(12, 15)))


def _image_alone(folder):
  folder.remove('masks/c.png')


def _mask_alone(folder):
  folder.remove('images/c.png')


def _suffix(folder):
  for name in 'abcd':
    (folder.root / f'masks/{name}.png').rename(
      folder.root / f'masks/{name}_seg.png'
    )


def _empty_image(folder):
  folder.write('images/a.png', b'')


def _empty_mask(folder):
  folder.write('masks/a.png', b'')


def _text_image(folder):
  folder.write('images/a.png', b'hello')


def _cut_png(folder):
  path = folder.root / 'images/a.png'
  path.write_bytes(path.read_bytes()[:-40])


def _no_end_png(folder):
  path = folder.root / 'images/a.png'
  path.write_bytes(path.read_bytes()[:-12])


def _flipped_png(folder):
  path = folder.root / 'images/a.png'
  data = bytearray(path.read_bytes())
  data[len(data) // 2] ^= 255
  path.write_bytes(bytes(data))


def _cut_jpeg(folder):
  folder.remove('images/a.png')
  folder.write('images/a.jpg', _bytes(picture(), 'JPEG')[:-30])


def _no_end_jpeg(folder):
  folder.remove('images/a.png')
  folder.write('images/a.jpg', _bytes(picture(), 'JPEG')[:-2])


def _jpeg_mask(folder):
  folder.remove('masks/a.png')
  folder.mask('a.jpg', stripes((0, 1)))


def _disguised_jpeg_mask(folder):
  folder.write('masks/a.png', _bytes(stripes((0, 1)), 'JPEG'))


def _webp_mask(folder):
  folder.remove('masks/a.png')
  folder.mask('a.webp', np.repeat(stripes((0, 1))[..., None], 3, -1))


def _rgb_mask(folder):
  folder.mask('a.png', picture())


def _clear_mask(folder):
  rgba = np.dstack([stripes((0, 1))] * 3 + [stripes((0, 255))])
  folder.mask('a.png', rgba)


def _float_mask(folder):
  folder.remove('masks/a.png')
  folder.mask('a.tif', stripes((0, 1)).astype(np.float32))


def _deep_mask(folder):
  folder.mask('a.png', stripes((0, 1)).astype(np.uint16) * 1000)


def _deep_rgb_mask(folder):
  folder.write('masks/a.png', png.gradient(depth=16))


def _high_palette(folder):
  colours = [(i, i, i) for i in range(256)]
  folder.mask('a.png', tiny_folder.palette_mask(stripes((0, 5)), colours))


def _deep_grey_image(folder):
  folder.image('a.png', np.full([12, 16], 1000, np.uint16))


def _deep_rgb_image(folder):
  folder.write('images/a.png', png.gradient(depth=16))


def _float_image(folder):
  folder.remove('images/a.png')
  folder.image('a.tif', np.ones([12, 16], np.float32))


def _animation(folder):
  frames = [Image.fromarray(picture(i)) for i in range(3)]
  folder.remove('images/a.png')
  frames[0].save(
    folder.path('images/a.gif'), save_all=True, append_images=frames[1:]
  )


def _twin(folder):
  folder.image('a.jpg', picture())


def _twin_mask(folder):
  folder.mask('a.bmp', stripes())


def _dead_link(folder):
  folder.remove('images/a.png')
  os.symlink(folder.root / 'nowhere', folder.root / 'images/a.png')


def _exif(folder):
  exif = Image.Exif()
  exif[0x0112] = 3
  folder.remove('images/a.png')
  folder.image('a.jpg', picture(), exif=exif)


def _no_labels(folder):
  folder.remove('labels.txt')


def _two_labels(folder):
  folder.write('labels.json', '["sky", "road", "car"]')


def _empty_labels(folder):
  folder.write('labels.txt', '\n\n# nothing\n')


def _twice_named(folder):
  folder.write('labels.txt', 'sky\nroad\nsky\n')


def _twice_coloured(folder):
  folder.write('labels.txt', 'sky 1 2 3\nroad 1 2 3\ncar 3 3 3\n')


def _half_coloured(folder):
  folder.write('labels.txt', 'sky 1 2 3\nroad\ncar 3 3 3\n')


def _wrong_colour(folder):
  folder.write('labels.txt', 'sky 1 2 300\nroad 0 0 0\ncar 3 3 3\n')


def _many_classes(folder):
  folder.write('labels.txt', '\n'.join(f'class{i}' for i in range(256)))


def _bad_json(folder):
  folder.remove('labels.txt')
  folder.write('labels.json', '["sky", ')


def _yaml_no(folder):
  folder.remove('labels.txt')
  folder.write('labels.yaml', '[yes, no, maybe]')


def _yaml_twice(folder):
  folder.remove('labels.txt')
  folder.write('labels.yaml', 'sky: [0, 0, 1]\nroad: [1, 0, 0]\nsky: [1, 1, 1]')


def _gap_ids(folder):
  folder.remove('labels.txt')
  folder.write('labels.json', '{"0": "sky", "1": "road", "5": "car"}')


def _unknown_name(folder):
  folder.write('train.txt', 'a\nb\nzzz\n')
  folder.write('val.txt', 'c\n')


def _named_twice(folder):
  folder.write('train.txt', 'a\nb\n\na\n')
  folder.write('val.txt', 'c\n')


def _named_twice_with_extension(folder):
  folder.write('train.txt', 'a\na.png\n')
  folder.write('val.txt', 'c\n')


def _blank_list(folder):
  folder.write('train.txt', 'a\nb\n')
  folder.write('val.txt', '\n \n')


def _overlap(folder):
  folder.write('train.txt', 'a\nb\n')
  folder.write('val.txt', 'b\nc\n')


def _one_list(folder):
  folder.write('train.txt', 'a\nb\n')


def _listed_without_mask(folder):
  folder.write('train.txt', 'a\nb\n')
  folder.write('val.txt', 'c\n')
  folder.remove('masks/c.png')


def _all_ignored(folder):
  for name in 'abcd':
    folder.mask(f'{name}.png', stripes((255,)))


def _no_images(folder):
  for name in 'abcd':
    folder.remove(f'images/{name}.png')


def _no_masks_folder(folder):
  (folder.root / 'masks').rename(folder.root / 'labels')


def _polygons(folder):
  for name in 'abcd':
    (folder.root / f'masks/{name}.png').rename(
      folder.root / f'masks/{name}.json'
    )


def _extra_folder(folder):
  for name in 'abcd':
    folder.remove(f'images/{name}.png')
    folder.remove(f'masks/{name}.png')
  for index, part in enumerate(('train', 'val', 'extra')):
    folder.image(f'{part}/x.png', picture(index))
    folder.mask(f'{part}/x.png', stripes())


# What is done to a sound folder, and words that the refusal must contain.
CASES = {
  _unknown: [
    'masks/a.png',
    'masks/b.png hold values',
    '7 (60 pixels)',
    '--map=7:ignore,9',
  ],
  _binary: ['The masks, 4 in all, hold only 0 and 255', '--map=255:1'],
  _photo: ['masks/a.png', 'none of the 3 classes', 'resized mask'],
  _size: ['12 x 16', '12 x 15', 'b.png'],
  _image_alone: ['images/c.png has no mask of the name c: add it, or'],
  _mask_alone: ['masks/c.png has no image of the name c: add it, or'],
  _suffix: ['images/a.png has no mask', '--mask_suffix=_seg'],
  _empty_image: ['images/a.png is empty (0 bytes)'],
  _empty_mask: ['masks/a.png is empty (0 bytes)'],
  _text_image: ['images/a.png cannot be decoded'],
  _cut_png: ['images/a.png', 'restore or remove'],
  _no_end_png: ['images/a.png', 'restore or remove'],
  _flipped_png: ['images/a.png', 'restore or remove'],
  _cut_jpeg: ['images/a.jpg', 'cut off'],
  _no_end_jpeg: ['images/a.jpg', 'cut off'],
  _jpeg_mask: ['masks/a.jpg is a JPEG image', 'save masks as PNG'],
  _disguised_jpeg_mask: ['masks/a.png is a JPEG image'],
  _webp_mask: ['masks/a.webp is a WEBP image'],
  _rgb_mask: ['masks/a.png is a colour mask', 'no colour map'],
  _clear_mask: ['masks/a.png', 'transparent pixels'],
  _float_mask: ['masks/a.tif', 'mode F'],
  _deep_mask: ['masks/a.png', '1000 (96 pixels)', '--map=1000:ignore'],
  _deep_rgb_mask: ['masks/a.png is a mask with several channels of 16 bits'],
  _high_palette: ['masks/a.png', '5 (96 pixels)'],
  _deep_grey_image: ['images/a.png has more than 8 bits'],
  _deep_rgb_image: ['images/a.png has more than 8 bits'],
  _float_image: ['images/a.tif has more than 8 bits'],
  _animation: ['images/a.gif has 3 frames'],
  _twin: ['a.jpg', 'a.png', 'same name but for the extension'],
  _twin_mask: ['a.bmp', 'a.png', 'same name but for the extension'],
  _dead_link: ['images/a.png is a link to nothing'],
  _exif: ['images/a.jpg carries EXIF orientation 3'],
  _no_labels: ['has no labels.txt, labels.json or labels.yaml'],
  _two_labels: ['has both labels.txt and labels.json'],
  _empty_labels: ['labels.txt', 'There are no classes'],
  _twice_named: ['labels.txt', "'sky' occurs twice"],
  _twice_coloured: ["'sky' and 'road' have the same colour"],
  _half_coloured: ["class 'road' has no colour"],
  _wrong_colour: ['[1, 2, 300]', 'labels.txt'],
  _many_classes: ['256 classes', 'at most 255'],
  _bad_json: ['labels.json', 'cannot be read'],
  _yaml_no: ['labels.yaml', 'True', 'quote it'],
  _yaml_twice: ['labels.yaml', "'sky' occurs twice"],
  _gap_ids: ['labels.json', '[0, 1, 5]', '--map'],
  _unknown_name: ['train.txt names zzz'],
  _named_twice: ['train.txt names a twice, in lines 1 and 4'],
  _named_twice_with_extension: ['train.txt names a twice'],
  _blank_list: ['val.txt is an empty split list'],
  _overlap: ['train and val share 1 image, first b'],
  _one_list: ['no val.txt'],
  _listed_without_mask: ['images/c.png has no mask'],
  _all_ignored: ['no labelled pixel', 'ignore label 255'],
  _no_images: ['images holds no image files'],
  _no_masks_folder: ['masks is not a directory'],
  _polygons: ['masks holds no image files (there: .json)'],
  _extra_folder: ['folders train and val', 'first extra/x'],
}


@pytest.mark.parametrize('damage', CASES, ids=lambda damage: damage.__name__)
def test_bad_folder_is_refused_in_a_sentence(damage, tmp_path):
  folder = tiny_folder.TinyFolder(tmp_path / 'data')
  damage(folder)
  output = tmp_path / 'out'
  with pytest.raises(errors.UserError) as refusal:
    source = layouts.folder(folder.root)
    conversion.convert(source, conversion.Output(str(output), workers=1))
  for words in CASES[damage]:
    assert words in str(refusal.value)
  for line in str(refusal.value).splitlines():
    assert line.endswith('.') or '...' in line
  assert not list(output.glob('*.tfrecord*'))
  assert not list(output.glob('*.json'))
  assert not list(output.glob('.conversion/*.part'))


def test_each_bad_file_gets_a_sentence_of_its_own(tmp_path):
  folder = tiny_folder.TinyFolder(tmp_path)
  _size(folder)
  _empty_image(folder)
  folder.mask('d.png', stripes((0, 7)))
  with pytest.raises(errors.UserError) as refusal:
    conversion.check(layouts.folder(tmp_path), workers=1)
  assert len(str(refusal.value).splitlines()) == 3


def test_no_more_than_ten_problems_are_listed(tmp_path):
  folder = tiny_folder.TinyFolder(tmp_path, 'abcdefghijklmno')
  for name in 'abcdefghijklmno':
    folder.write(f'images/{name}.png', b'')
  with pytest.raises(errors.UserError) as refusal:
    conversion.check(layouts.folder(tmp_path), workers=1)
  lines = str(refusal.value).splitlines()
  assert len(lines) == 11
  assert lines[-1] == 'There are 5 more problems.'
