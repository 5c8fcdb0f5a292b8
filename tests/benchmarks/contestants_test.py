"""What takes part in a race, as it is written on a command line."""

import pytest

from benchmarks import contestants
from deeplab_nas import errors
from deeplab_nas.search import strategies
from tests.search.trials import studies

STUDY = studies.task(studies.MIDDLE, fidelities=studies.FIDELITIES).study


def test_a_name_alone_has_the_defaults_of_a_search():
  found = contestants.Contestant.parse('halving')
  search = found.build(STUDY)
  assert isinstance(search, strategies.load('halving'))
  assert search.settings == type(search.settings)()
  assert search.study.fidelities == STUDY.fidelities[-1:]


def test_settings_follow_the_name():
  text = 'halving:reduction=3:num_initial=5:trial_steps=100+400'
  search = contestants.Contestant.parse(text).build(STUDY)
  assert search.settings.reduction == 3
  assert search.settings.num_initial == 5
  assert [f.steps for f in search.study.fidelities] == [100, 400]


def test_everyone_is_all_that_train_networks_of_their_own():
  names = contestants.everyone()
  others = {'graph_hypernetwork', 'esnac'}
  assert set(studies.STRATEGIES) - set(names) == others
  assert 'first_order' not in names
  for name in names:
    contestants.Contestant.parse(name)


@pytest.mark.parametrize(
  'text',
  [
    'evolution',
    'first_order',
    'graph_hypernetwork',
    'halving:reduction',
    'halving:reductions=3',
    'halving:reduction=0.5',
    'halving:reduction=[1',
    'halving:trial_steps=x',
  ],
)
def test_what_is_written_wrongly_is_named(text):
  with pytest.raises(errors.UserError, match=text.split(':')[-1].split('=')[0]):
    contestants.Contestant.parse(text)


@pytest.mark.parametrize('steps', ['100+300', '100', '200+100'])
def test_lengths_have_to_be_those_of_the_trials(steps):
  found = contestants.Contestant.parse(f'halving:trial_steps={steps}')
  with pytest.raises(errors.UserError, match='100, 200, 400 steps'):
    found.build(STUDY)
