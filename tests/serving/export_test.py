from __future__ import annotations

import contextlib

import numpy as np
import pytest
import tensorflow as tf
from absl import logging

from deeplab_nas import errors
from deeplab_nas.data import dataset_info
from deeplab_nas.evaluate import segmenter
from deeplab_nas.serving import export as export_lib
from deeplab_nas.serving import saved_model
from tests.serving import tiny


@contextlib.contextmanager
def verbosity(level):
  """As the commands set it, and TensorFlow sets it anew."""
  before = logging.get_verbosity()
  logging.set_verbosity(level)
  try:
    yield
  finally:
    logging.set_verbosity(before)


def test_a_version_holds_all_that_serving_needs(exported):
  files = {
    str(path.relative_to(exported))
    for path in exported.rglob('*')
    if path.is_file()
  }
  assert exported.name == '1'
  assert {
    'saved_model.pb',
    'variables/variables.index',
    'assets/classes.json',
    'assets/genotype.json',
    'assets.extra/tf_serving_warmup_requests',
  } <= files
  assert [path.name for path in exported.parent.iterdir()] == ['1']


def test_masks_are_those_of_the_segmenter(exported, network):
  loaded = saved_model.load(exported)
  images = tiny.photo(70, 33)[np.newaxis]
  tiny.assert_most_probable(
    loaded.classes(images), segmenter.Segmenter(network).probabilities(images)
  )


def test_a_folder_may_read_like_a_pattern(network, exported, tmp_path):
  found = saved_model.load(tiny.export(network, tmp_path / 'e[1]*' / '?').path)
  images = tiny.photo()[np.newaxis]
  np.testing.assert_array_equal(
    found.classes(images), saved_model.load(exported).classes(images)
  )


def test_its_cost_is_of_an_image_as_it_will_be_asked(network, tmp_path, caplog):
  # Whatever it is compared on, and drawn images begin with a single pixel.
  with caplog.at_level('INFO'), verbosity(logging.INFO):
    result = tiny.export(network, tmp_path, warmup_size=(40, 60))
  model = network.cost_model((40, 60))
  assert result.cost.startswith(
    f'At 40 x 60 pixels {model.of(network.genotype)};'
  )
  assert [x.partition('.')[0] for x in caplog.messages] == [
    'Folding batch norm and writing the model',
    'Loading it again; comparing on 3 images',
  ]


@pytest.mark.slow
def test_settings_shape_the_graph_and_travel_along(network, tmp_path):
  choices = {'image_scale': 0.5, 'scales': (1.0, 1.5), 'flip': True}
  result = tiny.export(network, tmp_path, config_yaml='a: 1\n', **choices)
  assert (result.path / 'assets' / 'config.yaml').read_text() == 'a: 1\n'
  assert result.comparison.agreement > 0.999
  assert 'of the multiply-adds: stem ' in result.cost
  expected = segmenter.Segmenter(network, 0.5, (1.0, 1.5), True)
  images = tiny.photo()[np.newaxis]
  tiny.assert_most_probable(
    saved_model.load(tmp_path).classes(images), expected.probabilities(images)
  )


def test_a_difference_fails_and_leaves_nothing(network, tmp_path, monkeypatch):
  other = tiny.network(seed=1)
  monkeypatch.setattr(export_lib.folding, 'fold', lambda *_, **__: other)
  with pytest.raises(errors.UserError, match='nothing was exported'):
    tiny.export(network, tmp_path / 'base')
  assert list(tmp_path.iterdir()) == []


def test_the_network_is_not_changed(network, exported):
  assert any('moving_variance' in v.name for v in network.variables)
  batch_norms = [
    layer
    for layer in network.submodules
    if isinstance(layer, tf.keras.layers.BatchNormalization)
  ]
  assert batch_norms


def test_classes_have_to_fit(network, tmp_path):
  info = dataset_info.DatasetInfo.cityscapes()
  with pytest.raises(errors.UserError, match='has 3 classes.*has 19'):
    export_lib.export(network, info, tmp_path / 'base')
  assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
  'options, part',
  [
    ({'scales': ()}, 'There is no scale'),
    ({'scales': (0.0,)}, 'The scale 0.0 is not above 0'),
    ({'scales': (float('nan'),)}, 'The scale nan'),
    ({'outputs': ('logits',)}, "There is no output 'logits'"),
  ],
)
def test_options_are_checked(options, part):
  with pytest.raises(errors.UserError, match=part):
    export_lib.ExportOptions(**options)
