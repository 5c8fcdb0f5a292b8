from __future__ import annotations

import warnings

import numpy as np
import pytest

from deeplab_nas import errors
from deeplab_nas.evaluate import segmenter
from deeplab_nas.serving import tflite
from tests.serving import tiny


@pytest.fixture(scope='module')
def result(network, tmp_path_factory):
  return tiny.export(
    network, tmp_path_factory.mktemp('lite'), tflite_size=(49, 33)
  )


def test_it_travels_beside_the_model(result):
  assert result.tflite == result.path / 'assets.extra' / 'segmenter.tflite'
  assert result.tflite_comparison.num_pixels == 49 * 33
  assert result.tflite_comparison.agreement > 0.999


def test_it_gives_the_same_classes_without_flex_operations(result, network):
  content = result.tflite.read_bytes()
  assert b'Flex' not in content
  images = tiny.photo(49, 33)[np.newaxis]
  with warnings.catch_warnings():
    warnings.simplefilter('error')
    found = tflite.run(content, images)
  expected = segmenter.Segmenter(network).probabilities(images)
  tiny.assert_most_probable(found['classes'], expected)
  assert found['probabilities'].dtype == np.float32
  np.testing.assert_allclose(found['probabilities'], expected, atol=1e-4)


@pytest.mark.slow
def test_what_it_cannot_express_is_refused(network, tmp_path):
  with pytest.raises(errors.UserError, match='TFLite cannot express'):
    tiny.export(network, tmp_path / 'base', scales=(0.5,), tflite_size=(33, 33))
  assert list(tmp_path.iterdir()) == []
