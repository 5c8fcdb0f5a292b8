"""Settings of the loss, in a search and in a training alike."""

import pytest

from deeplab_nas import errors
from deeplab_nas.config import config as config_lib

SECTIONS = (config_lib.SearchConfig, config_lib.TrainConfig)


@pytest.mark.parametrize('section', SECTIONS)
def test_the_default_is_plain_cross_entropy(section):
  config = section()
  assert config.loss_parts == ('cross_entropy',)
  assert config.class_weights == 'none'
  assert (config.ohem_fraction, config.label_smoothing) == (1, 0)


@pytest.mark.parametrize('section', SECTIONS)
def test_losses_can_be_summed(section):
  config = section(loss='cross_entropy + dice+lovasz')
  assert config.loss_parts == ('cross_entropy', 'dice', 'lovasz')
  assert config.loss == 'cross_entropy+dice+lovasz'


@pytest.mark.parametrize('section', SECTIONS)
@pytest.mark.parametrize(
  'loss',
  ['', 'Dice', 'dice+', 'dice+dice', 'dice+bce', '0.5*dice', 'dice,focal'],
)
def test_what_is_no_loss_is_refused(section, loss):
  with pytest.raises(errors.UserError) as caught:
    section(loss=loss)
  assert str(caught.value).startswith(f"{section.NAME}.loss is '{loss}'")
  assert 'such as cross_entropy+dice.' in str(caught.value)


@pytest.mark.parametrize('section', SECTIONS)
@pytest.mark.parametrize(
  'settings, user',
  [
    ({'focal_gamma': 1}, 'focal'),
    ({'loss': 'dice', 'tversky_alpha': 0.5}, 'tversky'),
    ({'loss': 'lovasz+dice', 'ohem_fraction': 0.5}, 'cross_entropy or focal'),
    ({'loss': 'dice', 'ohem_ramp_steps': 9}, 'cross_entropy or focal'),
    ({'loss': 'tversky', 'label_smoothing': 0.1}, 'cross_entropy or focal'),
    ({'effective_number_beta': 0.9}, 'effective_number'),
  ],
)
def test_a_setting_that_nothing_reads_is_refused(section, settings, user):
  with pytest.raises(errors.UserError) as caught:
    section(**settings)
  name = list(settings)[-1]
  assert str(caught.value).startswith(
    f'{section.NAME}.{name} is {settings[name]:g}, which {section.NAME}.'
  )
  assert str(caught.value).endswith(f'have {user}.')


@pytest.mark.parametrize(
  'settings',
  [
    {'loss': 'cross_entropy+focal', 'focal_gamma': 1},
    {'loss': 'dice+tversky', 'tversky_alpha': 0.5},
    {'loss': 'lovasz+focal', 'ohem_fraction': 0.5, 'label_smoothing': 0.1},
    {'class_weights': 'effective_number', 'effective_number_beta': 0.9},
  ],
)
def test_one_that_a_part_reads_is_taken(settings):
  for section in SECTIONS:
    config = section(**settings)
    assert {name: getattr(config, name) for name in settings} == settings


def test_a_tversky_that_costs_nothing_is_refused():
  with pytest.raises(errors.UserError, match='are both 0, so that no mistake'):
    config_lib.TrainConfig(loss='tversky', tversky_alpha=0, tversky_beta=0)
