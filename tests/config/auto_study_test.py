"""What suits a search by trials."""

import re

import pytest

from deeplab_nas import errors
from deeplab_nas.config import auto, auto_study
from deeplab_nas.config import choices as choices_lib
from deeplab_nas.config import config as config_lib
from deeplab_nas.config import strategies as config_strategies
from tests.config import made_info

INFO = made_info.DATA['cracks']


def chosen(strategy, **search):
  """The whole configuration, and the reasons."""
  given = {'search': {'strategy': strategy, **search}}
  choice = auto.choose(INFO, given)
  merged = {name: dict(values) for name, values in choice.settings.items()}
  merged.setdefault('search', {}).update(given['search'])
  return config_lib.Config.from_dict(merged), choice.reasons


def minutes(reasons):
  return int(re.search(r'search takes about (\d+) min', '\n'.join(reasons))[1])


@pytest.mark.parametrize('name', config_strategies.BY_TRIALS)
def test_nothing_of_a_supernet_is_chosen(name):
  config, reasons = chosen(name)
  told = {reason.partition('=')[0] for reason in reasons}
  assert {name for name in told if name.startswith('search.')} == {
    'search.strategy',
    'search.trial_steps',
    'search.budget',
  }
  assert 'space.filter_multiplier' not in told
  assert config.space.num_layers == 4
  assert config.train.class_weights == 'inverse'
  assert any('unweighted, a short run' in reason for reason in reasons)
  assert config.search.budget == auto_study.BUDGET
  assert minutes(reasons) == 30


def test_trials_have_one_length():
  (full,) = chosen('random')[0].search.trial_steps
  assert chosen('halving')[0].search.trial_steps == (full,)


def test_a_number_of_trials_takes_the_place_of_the_budget():
  config, reasons = chosen('random', num_trials=8)
  assert config.search.budget == ''
  more = minutes(chosen('random', num_trials=80)[1])
  assert 1 <= minutes(reasons) < more
  both = chosen('random', num_trials=80, budget='2m')
  assert both[0].search.budget == '2m'
  assert minutes(both[1]) == 2
  longer = chosen('random', num_trials=80, trial_steps=[800])
  assert minutes(longer[1]) > more


def test_a_budget_that_is_none_is_a_sentence():
  with pytest.raises(errors.UserError, match='search.budget is .soon., exp'):
    chosen('random', budget='soon')


def test_who_names_no_strategy_gets_the_default_one():
  given = choices_lib.Choices({})
  assert not auto_study.is_asked_for(given)


@pytest.mark.parametrize(
  'name, share, of_rest',
  [
    ('photos', 0.5, 0.5),
    ('no validation', 0.3, 0.38),
    ('cityscapes', 0.2, 0.2),
  ],
)
def test_trials_train_on_what_their_scores_can_spare(name, share, of_rest):
  def fraction(strategy, **data):
    given = {'search': {'strategy': strategy}, 'data': data}
    choice = auto.choose(made_info.DATA[name], given)
    return choice.settings['data'].get('b_fraction')

  assert fraction('random') == share
  assert fraction('first_order') is None
  assert fraction('random', held_out_fraction=0.2) == of_rest
