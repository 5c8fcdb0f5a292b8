"""Presets, files, mappings and configurations mean what they say."""

import pytest

from deeplab_nas import errors
from deeplab_nas.config import config as config_lib
from deeplab_nas.config import config_like


def test_settings_may_be_named_as_on_the_command_line():
  config = config_like.resolve(
    {'search.epochs': 22, 'search': {'momentum': 0.5}, 'train.epochs': 3}
  )
  assert (config.search.epochs, config.search.momentum) == (22, 0.5)
  assert config.train.epochs == 3
  with pytest.raises(errors.UserError, match='did you mean search.epochs'):
    config_like.resolve({'search.epoch': 2})


def test_a_config_is_a_preset_a_file_a_mapping_or_itself(tmp_path):
  config = config_lib.load('quickstart')
  (tmp_path / 'a.yaml').write_text(config.to_yaml())
  for given in ('quickstart', tmp_path / 'a.yaml', config.to_dict(), config):
    assert config_like.resolve(given) == config


@pytest.mark.parametrize('kind', ['preset', 'mapping', 'config'])
def test_the_data_may_be_elsewhere(kind, tmp_path):
  config = config_lib.load('quickstart')
  given = {'preset': 'quickstart', 'mapping': config.to_dict()}
  found = config_like.resolve(given.get(kind, config), tmp_path)
  assert found.data.dir == str(tmp_path)
  assert found.search == config.search


def test_a_width_that_was_tried_is_that_of_what_names_none(tmp_path):
  config = config_lib.load('quickstart')
  (tmp_path / 'a.yaml').write_text(config.to_yaml())
  widths = {
    2.5: ('quickstart', tmp_path / 'a.yaml', {'train.epochs': 3}, {}),
    config.network.filter_multiplier: (config, config.to_dict()),
    7: (
      {'network.filter_multiplier': 7},
      {'network': {'filter_multiplier': 7}},
    ),
  }
  for width, given in widths.items():
    for each in given:
      found = config_like.resolve(each, filters=2.5)
      assert found.network.filter_multiplier == width
  with pytest.raises(errors.UserError, match='network'):
    config_like.resolve({'network': 3}, filters=2.5)


def test_what_is_neither_is_refused():
  with pytest.raises(errors.UserError, match='neither a file nor a preset'):
    config_like.resolve('quickstrt')
  with pytest.raises(errors.UserError, match='gs://a.yaml is refused'):
    config_like.resolve('gs://a.yaml')
