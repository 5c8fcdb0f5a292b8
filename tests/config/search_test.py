"""Settings of a search that contradict each other are refused."""

import dataclasses

import pytest

from deeplab_nas import errors
from deeplab_nas.config import search as config_search


@pytest.mark.parametrize(
  'settings, sentence',
  [
    ({'arch_start_epoch': 40}, 'arch_start_epoch is 40, .* which is 40'),
    ({'epochs': 5}, 'arch_start_epoch is 20, .* search.epochs, which is 5'),
    (
      {'strategy': 'single_path', 'epochs': 5, 'arch_start_epoch': 6},
      'arch_start_epoch is 6, .*at most search.epochs, which is 5',
    ),
    ({'learning_rate': 1e-4}, 'end_learning_rate is 0.001, .* is 0.0001'),
    ({'objectives': ('miou', 'latency_ms')}, 'give search.latency_table=FILE'),
    ({'objectives': ('miou', 'miou')}, 'expected each score once'),
    (
      {'objectives': ('activation_mb', 'activation_bytes')},
      'expected each score once',
    ),
    ({'objectives': ('speed',)}, 'search.objectives is .*speed'),
    ({'trial_measure': 'latency_ms'}, 'give search.latency_table=FILE'),
    ({'cost_measure': 'latency_ms'}, 'give search.latency_table=FILE'),
    ({'cost_budget': 0}, 'search.cost_budget is 0, expected'),
    ({'cost_floor': 1}, 'search.cost_floor is 1, expected'),
    (
      {'cost_budget': 1e9, 'strategy': 'random'},
      'with search.strategy=random it is search.trial_budget that limits',
    ),
    ({'objectives': ('reward',)}, 'set search.strategy=esnac, or leave it out'),
    (
      {'strategy': 'esnac', 'trial_budget': 1e6},
      'esnac.share of what the teacher costs: leave',
    ),
    ({'momentum': 1}, 'search.momentum is 1, expected a number, .* below 1'),
  ],
)
def test_what_contradicts_itself_is_refused(settings, sentence):
  with pytest.raises(errors.UserError, match=sentence):
    config_search.SearchConfig(**settings)


def test_the_last_epoch_may_be_the_first_to_learn_the_architecture():
  settings = config_search.SearchConfig(epochs=5, arch_start_epoch=4)
  assert (settings.epochs, settings.arch_start_epoch) == (5, 4)


def test_epochs_that_a_search_by_trials_has_not_contradict_nothing():
  settings = config_search.SearchConfig(strategy='random', epochs=5)
  assert settings.arch_start_epoch > settings.epochs


def test_what_decides_after_its_epochs_may_learn_weights_alone():
  settings = config_search.SearchConfig(
    strategy='single_path', epochs=5, arch_start_epoch=5
  )
  assert settings.arch_start_epoch == 5


@pytest.mark.parametrize(
  ('strategy', 'decides'), [('esnac', 'reward'), ('random', 'cross_entropy')]
)
def test_what_decides_unless_it_is_said(strategy, decides):
  assert config_search.SearchConfig(strategy=strategy).objectives == (decides,)
  said = config_search.SearchConfig(strategy=strategy, objectives=('miou',))
  assert said.objectives == ('miou',)


def test_what_no_strategy_of_the_family_reads_is_refused():
  relaxed = config_search.SearchConfig()
  trials = config_search.SearchConfig(strategy='random')
  fields = [field.name for field in dataclasses.fields(trials)]
  both = [name for name in fields if relaxed.reads(name) and trials.reads(name)]
  assert both == ['strategy', 'latency_table']
  neither = [n for n in fields if not (relaxed.reads(n) or trials.reads(n))]
  assert not neither
  trials.require_reads('budget')
  with pytest.raises(
    errors.UserError, match='by trials, .* is first_order: set'
  ):
    relaxed.require_reads('budget')
  relaxed.require_reads('epochs')
  with pytest.raises(errors.UserError, match='by gradients, .* is random: set'):
    trials.require_reads('epochs')
  for name in ('enas', 'perturbation', 'single_path'):
    without = config_search.SearchConfig(strategy=name)
    with pytest.raises(errors.UserError, match=f'{name} does not have: leave'):
      without.require_reads('arch_learning_rate')
    without.require_reads('arch_start_epoch')
  relaxed.require_reads('arch_learning_rate')
