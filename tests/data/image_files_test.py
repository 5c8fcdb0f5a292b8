from __future__ import annotations

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


def test_enormous_images_are_refused(tmp_path, monkeypatch):
  path = save(tmp_path / 'a.png', picture())
  monkeypatch.setattr(image_files, 'MAX_PIXELS', 12 * 16 - 1)
  with pytest.raises(errors.UserError, match='16 x 12 pixels.*tiles'):
    image_files.read(path, None)
