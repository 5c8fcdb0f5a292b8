"""What suits a search by trials."""

import re

import pytest

from deeplab_nas import errors
from deeplab_nas.config import auto
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
  assert config.search.budget == '30m'
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


def test_without_number_and_budget_the_time_is_that_of_twenty_trials():
  without = minutes(chosen('random', budget='')[1])
  assert without == minutes(chosen('random', num_trials=20)[1])


def test_the_time_has_that_of_fresh_seeds():
  without = minutes(chosen('random', num_trials=8, final_seeds=0)[1])
  # Of two architectures, two at a time, so of as many trials as those eight.
  both = minutes(chosen('random', num_trials=8, final_seeds=4)[1])
  assert abs(both - 2 * without) <= 1


@pytest.mark.parametrize('name', made_info.DATA)
def test_the_budget_has_time_for_two_dozen_trials(name):
  choice = auto.choose(made_info.DATA[name])
  (reason,) = [x for x in choice.reasons if x.startswith('search.budget=')]
  found = re.search(r'=(\d+)m: time for some (\d+) trials', reason)
  minutes, trials = map(int, found.groups())
  assert minutes >= 30 and trials >= 24
  # No longer than it has to be.
  assert minutes == 30 or trials * (minutes - 10) / minutes < 24


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
