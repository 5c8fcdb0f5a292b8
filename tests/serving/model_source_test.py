"""A run folder and an export give one and the same masks."""

import numpy as np
import pytest

from deeplab_nas import errors
from deeplab_nas.evaluate import segmenter
from deeplab_nas.nn.network import folding
from deeplab_nas.serving import model_source
from tests.serving import tiny


def test_a_trained_network_predicts_as_its_export(network, exported):
  from deeplab_nas.config import config as config_lib
  from deeplab_nas.train import restore

  source = restore.Trained(
    network, tiny.GENOTYPE, config_lib.Config(), tiny.INFO, ''
  )
  model = model_source.TrainedModel(source)
  served = model_source.load(exported)
  assert model.info.class_names == served.info.class_names
  for size in ((33, 49), (1, 1), (50, 17)):
    images = np.random.default_rng(0).integers(0, 256, [1, *size, 3], np.uint8)
    np.testing.assert_array_equal(model.classes(images), served.classes(images))
    np.testing.assert_allclose(
      model.probabilities(images), served.probabilities(images), atol=1e-5
    )


def test_scales_and_flip_reach_the_segmenter(network):
  from deeplab_nas.config import config as config_lib
  from deeplab_nas.train import restore

  source = restore.Trained(
    network,
    tiny.GENOTYPE,
    config_lib.Config.from_dict({'data': {'image_scale': 0.5}}),
    tiny.INFO,
    '',
  )
  images = np.random.default_rng(0).integers(0, 256, [1, 40, 30, 3], np.uint8)
  expected = segmenter.Segmenter(
    folding.fold(network), 0.5, (1.0, 2.0), True
  ).probabilities(images)
  model = model_source.TrainedModel(source, (1.0, 2.0), True)
  np.testing.assert_allclose(model.probabilities(images), expected, atol=1e-5)


def test_an_export_has_its_scales_inside(exported):
  for options in ({'scales': (0.5,)}, {'flip': True}, {'checkpoint': 'last'}):
    with pytest.raises(
      errors.UserError, match='choose them with scripts/export_model'
    ):
      model_source.load(exported, **options)


def test_what_is_neither_is_refused(tmp_path):
  with pytest.raises(errors.UserError, match='is no folder'):
    model_source.load(tmp_path / 'missing')
  with pytest.raises(errors.UserError):
    model_source.load(tmp_path)
