from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from deeplab_nas import errors
from deeplab_nas.evaluate import segmenter
from deeplab_nas.serving import comparison
from tests.serving import tiny


@pytest.fixture(scope='module')
def loaded(plain):
  return tf.saved_model.load(str(plain))


def test_the_exported_network_is_the_same(loaded, network):
  images = [tiny.photo(), tiny.photo(1, 1), tiny.photo(90, 3)]
  found = comparison.compare(
    segmenter.Segmenter(network).probabilities, loaded, images
  )
  found.require_equality()
  assert found.num_images == 3
  assert found.num_pixels == 45 * 67 + 1 + 270
  assert found.max_difference < 1e-5


def test_another_network_is_refused(loaded):
  other = segmenter.Segmenter(tiny.network(seed=1))
  found = comparison.compare(other.probabilities, loaded, [tiny.photo()])
  assert found.agreement < 0.9
  assert str(found).startswith('1 image, 3,015 pixels: largest difference of a')
  with pytest.raises(errors.UserError, match='differs from the one in memory'):
    found.require_equality()


def test_which_of_equally_probable_classes_is_chosen_does_not_matter():
  probabilities = np.array([[0.4, 0.4 - 1e-7, 0.2], [0.5, 0.4, 0.1]])
  for classes, expected in (
    ([0, 0], [True, True]),
    ([1, 1], [True, False]),
    ([2, 2], [False, False]),
  ):
    found = comparison.is_best(np.array(classes, np.uint8), probabilities)
    assert found.tolist() == expected


@pytest.mark.parametrize(
  'difference, agreement',
  [(2e-3, 1.0), (0.0, 0.998), (float('nan'), 1.0)],
)
def test_limits(difference, agreement):
  with pytest.raises(errors.UserError):
    comparison.Comparison(1, 1, difference, agreement).require_equality()
