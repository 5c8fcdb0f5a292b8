"""Whatever holds an image gives the mask of its pixels."""

import io

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from deeplab_nas import errors
from deeplab_nas.data import sample_sheet
from deeplab_nas.serving import predictor, saved_model
from tests.serving import tiny

PHOTO = tiny.photo()


@pytest.fixture(scope='module')
def model(exported):
  return predictor.Predictor(saved_model.load(exported))


@pytest.fixture(scope='module')
def mask(model):
  return model.predict(PHOTO)


def test_it_knows_classes_and_architecture(model):
  assert model.classes == tiny.CLASSES
  assert model.num_classes == len(tiny.CLASSES)
  assert model.palette == tiny.INFO.palette
  assert model.genotype == tiny.GENOTYPE
  assert repr(model) == 'Predictor of 3 classes (road, sky, car)'


def test_one_image_gives_one_mask_and_a_batch_several(model, mask):
  assert mask.dtype == np.uint8 and mask.shape == (45, 67)
  assert len(np.unique(mask)) > 1
  batch = model.predict(PHOTO[np.newaxis])
  np.testing.assert_array_equal(batch, mask[np.newaxis])
  one, other = model([PHOTO, PHOTO[:30]])
  np.testing.assert_array_equal(one, mask)
  assert other.shape == (30, 67)
  assert model.predict([]) == []


def test_all_that_holds_the_same_pixels_gives_the_same_mask(
  model, mask, tmp_path
):
  (tmp_path / 'a.png').write_bytes(tiny.encoded(PHOTO))
  for image in (
    tmp_path / 'a.png',
    str(tmp_path / 'a.png'),
    Image.fromarray(PHOTO),
    tf.constant(PHOTO),
    PHOTO.astype(np.float32),
    PHOTO.astype(np.int64),
    PHOTO / 255,
    np.dstack([PHOTO, PHOTO[..., :1]]),
  ):
    np.testing.assert_array_equal(model.predict(image), mask)


def test_grey_repeats():
  grey = PHOTO[..., 0]
  expected = np.dstack([grey] * 3)
  for image in (grey, grey[..., np.newaxis], Image.fromarray(grey)):
    np.testing.assert_array_equal(predictor.as_pixels(image), expected)


def test_a_noted_turn_is_made_for_files_and_pillow_alike(tmp_path):
  exif = Image.Exif()
  exif[0x0112] = 6
  content = tiny.encoded(PHOTO, 'PNG', exif=exif)
  (tmp_path / 'a.png').write_bytes(content)
  expected = np.rot90(PHOTO, -1)
  for image in (tmp_path / 'a.png', Image.open(io.BytesIO(content))):
    np.testing.assert_array_equal(predictor.as_pixels(image), expected)


def test_probabilities_add_up(model, mask):
  found = model.probabilities(PHOTO)
  assert found.shape == (45, 67, 3)
  np.testing.assert_allclose(found.sum(-1), 1, atol=1e-5)
  tiny.assert_most_probable(mask, found)


def test_masks_are_shown_in_the_colours_of_the_classes(model):
  np.testing.assert_array_equal(
    model.colorize([[0, 2], [1, 255]]),
    [[(128, 64, 128), (0, 0, 142)], [(70, 130, 180), (0, 0, 0)]],
  )


@pytest.mark.parametrize(
  'images, part',
  [
    (np.zeros([4, 5, 2]), r'the shape \[4, 5, 2\], expected \[H, W, 3\]'),
    (np.zeros([3]), r'the shape \[3\]'),
    (np.zeros([0, 5, 3]), 'have no pixels'),
    (np.full([4, 5, 3], np.nan), 'have values from nan'),
    (np.full([4, 5, 3], -0.5), 'have values from -0.5'),
    (np.full([4, 5, 3], 256), 'expected 0 to 255'),
    (np.full([4, 5, 3], 'a'), 'expected uint8 or floating'),
    (None, 'of type NoneType, expected a path'),
    (Image.new('I;16', (4, 5), 4095), 'mode I;16 has more than 8 bits'),
    (Image.new('F', (4, 5)), 'mode F has more than 8 bits'),
  ],
)
def test_what_is_no_image_is_refused(images, part):
  with pytest.raises(ValueError, match=part):
    predictor.as_pixels(images)


def test_paths_are_of_this_machine_and_may_start_at_home(tmp_path, monkeypatch):
  monkeypatch.setenv('HOME', str(tmp_path))
  (tmp_path / 'a.png').write_bytes(tiny.encoded(PHOTO))
  np.testing.assert_array_equal(predictor.as_pixels('~/a.png'), PHOTO)
  with pytest.raises(errors.UserError, match='gs://b/a.png is refused'):
    predictor.as_pixels('gs://b/a.png')


def test_a_file_that_is_none_is_refused(model, tmp_path):
  with pytest.raises(errors.UserError, match='none.png does not exist'):
    model.predict(tmp_path / 'none.png')


def test_an_overlay_shows_image_and_classes(model, mask):
  expected = sample_sheet.overlay(PHOTO, mask, tiny.INFO)
  np.testing.assert_array_equal(model.overlay(PHOTO), expected)
  road = np.zeros_like(mask)
  assert (model.overlay(PHOTO, road) != expected).any()
  with pytest.raises(ValueError, match='an overlay is of one image'):
    model.overlay(PHOTO[np.newaxis])


def test_a_folder_and_what_holds_no_image_are_told(model, tmp_path):
  folder = tmp_path / 'my photos'
  folder.mkdir()
  with pytest.raises(errors.UserError, match='is a folder: give its') as told:
    model.predict(folder)
  assert f"predict.py '--images={folder}'." in str(told.value)
  for nothing, kind in ((b'PNG', 'bytes'), (None, 'NoneType')):
    with pytest.raises(
      ValueError, match=f'are of type {kind}, expected a path'
    ):
      model.predict(nothing)
