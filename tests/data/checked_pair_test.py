"""Images and masks are read together, turned alike and refused in sentences."""

from __future__ import annotations

import io
import os
import pickle

import numpy as np
import pytest
from PIL import Image

from deeplab_nas import errors
from deeplab_nas.data import checked_pair, layouts, mask_rules, orientation
from deeplab_nas.data import pairs as pairs_lib
from tests.data import tiny_folder


@pytest.fixture
def source(tmp_path):
  return layouts.folder(tiny_folder.TinyFolder(tmp_path, ['a', 'b']).root)


def test_kept_files_stay_behind_and_come_back(source):
  pair = source.splits['train'][0]
  lean = checked_pair.read_without_kept(pair, source.rules, 10**6)
  whole = checked_pair.read(pair, source.rules, 10**6)
  assert whole.image.is_kept and whole.is_label_kept
  for contents in (whole.image.encoded, whole.label):
    assert contents in pickle.dumps(whole)
    assert contents not in pickle.dumps(lean)
  assert checked_pair.with_kept(lean) == whole


def test_a_file_that_changes_meanwhile_is_refused(source):
  pair = source.splits['train'][0]
  example = checked_pair.read_without_kept(pair, source.rules, 10**6)
  os.utime(pair.image, ns=(1, 1))
  with pytest.raises(errors.UserError, match='has changed while it was read'):
    checked_pair.with_kept(example)


def _saved(path, pixels, how: int) -> str:
  exif = Image.Exif()
  exif[0x0112] = how
  Image.fromarray(pixels).save(path, exif=exif)
  return str(path)


@pytest.mark.parametrize('ending', ['png', 'tif'])
@pytest.mark.parametrize('how', range(1, 9))
def test_image_and_mask_with_one_note_are_turned_alike(ending, how, tmp_path):
  pair = pairs_lib.Pair(
    'a',
    _saved(tmp_path / 'image.tif', tiny_folder.picture(), how),
    _saved(tmp_path / f'mask.{ending}', tiny_folder.stripes(), how),
  )
  example = checked_pair.read(pair, mask_rules.MaskRules(3))
  assert not example.problems
  found = np.asarray(Image.open(io.BytesIO(example.label)))
  label = Image.fromarray(tiny_folder.stripes())
  np.testing.assert_array_equal(found, orientation.turned(label, how))
  image = np.asarray(Image.open(io.BytesIO(example.image.encoded)))
  stored = Image.fromarray(tiny_folder.picture())
  np.testing.assert_array_equal(image, orientation.turned(stored, how))


@pytest.mark.parametrize('ending', ['jpg', 'png', 'tif'])
@pytest.mark.parametrize('shape', [(12, 16), (16, 12)])
def test_a_mask_without_a_note_is_laid_on_the_upright_image(
  ending, shape, tmp_path
):
  # Drawn on the stored pixels, or in a program that turns the photo first.
  image = _saved(tmp_path / f'image.{ending}', tiny_folder.picture(), 6)
  mask = tiny_folder.stripes(size=shape)
  pair = pairs_lib.Pair('a', image, _saved(tmp_path / 'mask.png', mask, 1))
  example = checked_pair.read(pair, mask_rules.MaskRules(3))
  assert not example.problems and example.image.size == (16, 12)
  found = np.asarray(Image.open(io.BytesIO(example.label)))
  how = 6 if shape == (12, 16) else 1
  expected = orientation.turned(Image.fromarray(mask), how)
  np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize('notes', [(3, 1), (1, 3), (2, 4), (6, 8)])
def test_what_sizes_cannot_tell_is_refused(notes, tmp_path):
  pair = pairs_lib.Pair(
    'a',
    _saved(tmp_path / 'image.tif', tiny_folder.picture(), notes[0]),
    _saved(tmp_path / 'mask.png', tiny_folder.stripes(), notes[1]),
  )
  (problem,) = checked_pair.read(pair, mask_rules.MaskRules(3)).problems
  for path, value in ((pair.image, notes[0]), (pair.mask, notes[1])):
    said = f'{path} carries EXIF orientation {value}'
    assert (said in problem) == (value > 1)


def test_an_image_without_a_mask_is_turned(tmp_path):
  image = _saved(tmp_path / 'image.jpg', tiny_folder.picture(), 8)
  pair = pairs_lib.Pair('a', image, None)
  example = checked_pair.read(pair, mask_rules.MaskRules(3))
  assert not example.problems and example.image.size == (16, 12)
