from __future__ import annotations

import shutil

import numpy as np
import pytest
import tensorflow as tf

from deeplab_nas import errors
from deeplab_nas.data import example_schema
from deeplab_nas.evaluate import segmenter
from deeplab_nas.serving import saved_model
from tests.serving import tiny


@pytest.fixture(scope='module')
def loaded(exported):
  return saved_model.load(exported.parent)


def test_classes_come_with_their_names(loaded, exported):
  assert loaded.info == tiny.INFO
  assert loaded.path == exported


def test_files_of_different_sizes(loaded, network):
  reference = segmenter.Segmenter(network)
  files = list(tiny.odd_files().values())
  for file, mask in zip(files, loaded.classes_of_bytes(files)):
    image = example_schema.decode_image(file)
    tiny.assert_most_probable(mask, reference.probabilities(image[None])[0])


def test_probabilities_need_not_be_exported(plain, network):
  images = tiny.photo()[np.newaxis]
  expected = segmenter.Segmenter(network).probabilities(images)
  found = saved_model.load(plain).probabilities(images)
  np.testing.assert_allclose(found, expected, atol=1e-4)


def test_what_is_wrong_is_refused(loaded):
  with pytest.raises(errors.UserError, match='Input is empty'):
    loaded.classes_of_bytes([b''])
  with pytest.raises(TypeError, match='images are float32'):
    loaded.classes(np.zeros([1, 2, 2, 3], np.float32))
  with pytest.raises(TypeError, match='images are float32'):
    loaded.probabilities(np.zeros([1, 2, 2, 3], np.float32))


def test_what_is_no_export_is_refused(tmp_path, plain):
  with pytest.raises(errors.UserError, match='is not a folder'):
    saved_model.load(tmp_path / 'missing')
  tf.saved_model.save(tf.Module(), str(tmp_path / 'foreign'))
  with pytest.raises(errors.UserError, match='without assets/classes.json'):
    saved_model.load(tmp_path / 'foreign')
  shutil.copytree(
    plain / 'assets', tmp_path / 'foreign/assets', dirs_exist_ok=True
  )
  with pytest.raises(errors.UserError, match='lacks the signatures'):
    saved_model.load(tmp_path / 'foreign')
  shutil.copytree(plain, tmp_path / 'damaged')
  (tmp_path / 'damaged' / 'saved_model.pb').write_bytes(b'\x00\x01\x02')
  with pytest.raises(errors.UserError, match='cannot be loaded'):
    saved_model.load(tmp_path / 'damaged')
