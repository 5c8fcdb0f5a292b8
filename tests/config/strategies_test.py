"""Settings of one strategy are seen by that strategy alone."""

import pytest

from deeplab_nas import errors
from deeplab_nas.config import config as config_lib
from deeplab_nas.config import strategies as config_strategies

every = pytest.mark.parametrize('name', config_strategies.SECTIONS)
EVOLUTION = 'regularized_evolution'


@every
def test_a_config_shows_the_section_of_its_strategy_alone(name):
  chosen = config_lib.load('quickstart', [f'search.strategy={name}'])
  own = config_strategies.SECTIONS.keys()
  assert own & chosen.to_dict().keys() == {name}
  assert not own & config_lib.load('quickstart').to_dict().keys()


@every
def test_what_a_config_shows_reads_back(name, tmp_path):
  settings = config_lib.load('quickstart', [f'search.strategy={name}'])
  file = tmp_path / 'config.yaml'
  file.write_text(settings.to_yaml(), encoding='utf-8')
  assert config_lib.load(str(file)) == settings


def test_a_setting_is_set_together_with_its_strategy():
  config = config_lib.load(
    'quickstart',
    [f'{EVOLUTION}.population_size=12', f'search.strategy={EVOLUTION}'],
  )
  assert config.regularized_evolution.population_size == 12
  assert config.to_dict()[EVOLUTION] == {
    'population_size': 12,
    'sample_size': 10,
  }


@pytest.mark.parametrize(
  'overrides',
  [
    ['nsga2.population_size=12'],
    ['search.strategy=tpe', 'nsga2.population_size=12'],
  ],
)
def test_a_setting_of_another_strategy_is_refused_in_a_sentence(overrides):
  with pytest.raises(errors.UserError) as caught:
    config_lib.load('quickstart', overrides)
  strategy = 'tpe' if len(overrides) > 1 else 'first_order'
  assert str(caught.value) == (
    'nsga2.population_size is a setting of search.strategy=nsga2, but'
    f" search.strategy is '{strategy}': set search.strategy=nsga2, or leave"
    ' nsga2.population_size out.'
  )


def test_it_is_refused_in_python_too():
  with pytest.raises(errors.UserError, match='set search.strategy=tpe, or'):
    config_lib.Config.from_dict({'tpe': {'num_startup': 3}})


def test_a_file_may_hold_the_sections_of_several_strategies(tmp_path):
  file = tmp_path / 'config.yaml'
  file.write_text(
    'search: {strategy: tpe}\n'
    'tpe: {num_startup: 3}\n'
    'nsga2: {population_size: 4}\n'
  )
  assert config_lib.load(str(file)).tpe.num_startup == 3
  other = config_lib.load(str(file), ['search.strategy=nsga2'])
  assert other.nsga2.population_size == 4 and 'tpe' not in other.to_dict()


@pytest.mark.parametrize(
  'text, sentence',
  [
    ('nsga2: {population_size: 1}', 'nsga2.population_size is 1, expected'),
    ('nsga2: {size: 1}', 'There is no setting nsga2.size: did you mean'),
    ('nsga2: 3', 'nsga2 is 3, expected settings by name'),
  ],
)
def test_what_is_not_used_is_checked_all_the_same(tmp_path, text, sentence):
  file = tmp_path / 'config.yaml'
  file.write_text(text)
  with pytest.raises(errors.UserError, match=sentence):
    config_lib.load(str(file))


def test_a_sample_is_no_larger_than_the_population():
  with pytest.raises(errors.UserError, match='sample_size is 10, .* is 8'):
    config_strategies.RegularizedEvolutionConfig(population_size=8)


@pytest.mark.parametrize(
  'flags',
  [
    ['search.strategy=bayesian', 'bayesian.kernel_steps=9'],
    ['search.strategy=esnac', 'esnac.encoding=paths'],
    ['search.strategy=esnac', 'esnac.kernel=matern', 'esnac.num_kernels=2'],
  ],
)
def test_a_setting_of_the_other_kernel_is_refused(flags):
  with pytest.raises(errors.UserError, match='kernel=.*: leave it out'):
    config_lib.load('quickstart', flags)


def test_a_run_of_an_earlier_release_has_no_such_section():
  written = config_lib.Config().to_dict()
  assert config_lib.of_run(written) == written
  del written['search']['strategy']
  assert config_lib.of_run(written)['search']['strategy'] == 'first_order'


@every
def test_the_section_of_a_run_is_completed_by_its_defaults(name):
  written = {'search': {'strategy': name}, name: {}}
  section = config_lib.of_run(written)[name]
  assert config_strategies.SECTIONS[name](**section) == (
    config_strategies.SECTIONS[name]()
  )
