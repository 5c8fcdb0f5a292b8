"""The registry: every entry leads to a strategy, and none is imported early."""

import subprocess
import sys

import pytest

from deeplab_nas import errors
from deeplab_nas.config import config as config_lib
from deeplab_nas.config import strategies as config_strategies
from deeplab_nas.search import strategies


@pytest.mark.parametrize('name', strategies.STRATEGIES)
def test_an_entry_leads_to_its_class_family_and_settings(name):
  entry = strategies.entry(name)
  strategy = strategies.load(name)
  assert strategy.__module__ == entry.module
  assert f'.search.{entry.family}.' in entry.module
  chosen = config_lib.SearchConfig(strategy=name)
  assert entry.section in config_lib.Config(search=chosen).to_dict()
  config = config_lib.Config(search=chosen)
  assert strategies.settings(config) is getattr(config, entry.section)
  family = strategies.load_family(name)
  assert callable(family.run) and callable(family.dry_run)


def test_the_default_strategy_is_known():
  assert config_lib.SearchConfig().strategy in strategies.STRATEGIES


def test_the_settings_know_which_train_networks_of_their_own():
  by_trials = set(filter(strategies.is_by_trials, strategies.STRATEGIES))
  assert by_trials == set(config_strategies.BY_TRIALS)


@pytest.mark.parametrize('ask', [strategies.entry, strategies.load_family])
def test_an_unknown_name_is_answered_with_the_known_ones(ask):
  with pytest.raises(errors.UserError, match="'guess'; known are first_order"):
    ask('guess')


def test_the_registry_imports_no_strategy():
  program = (
    'import sys\n'
    'from deeplab_nas.search import strategies\n'
    'strategies.entry("first_order")\n'
    'sys.exit("tensorflow" in sys.modules)\n'
  )
  assert subprocess.run([sys.executable, '-c', program]).returncode == 0
