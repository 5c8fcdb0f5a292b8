"""Searches that are compared differ in strategy and seed alone."""

import dataclasses
import json

import pytest

from deeplab_nas import errors
from deeplab_nas.search.contest import plan as plan_lib
from tests.search.trials import run_test


@pytest.fixture(scope='module')
def config(records, tmp_path_factory):
  """A file of settings."""
  path = tmp_path_factory.mktemp('plan') / 'config.yaml'
  path.write_text(json.dumps(run_test.settings(records)))
  return str(path)


def build(config, *overrides, names=('random', 'halving'), **values):
  given = {'num_searches': 2, 'seconds': 90.0, 'num_seeds': 3, **values}
  return plan_lib.build(config, overrides, None, names, **given)


def test_searches_are_alike_but_for_strategy_and_seed(config):
  plan = build(config, 'runtime.seed=5', 'halving.reduction=2.5')
  assert [search.name for search in plan.searches] == [
    'random_5',
    'halving_5',
    'random_6',
    'halving_6',
  ]
  found = [plan.config_of(search) for search in plan.searches]
  assert [each.runtime.seed for each in found] == [5, 5, 6, 6]
  assert found[1].halving.reduction == 2.5
  for each in found:
    assert each.search.budget_seconds() == 90
    assert each.search.budget_clock == 'processor'
    assert (each.search.num_trials, each.search.final_seeds) == (None, 0)
    other = dataclasses.replace(
      each.search, strategy='random', budget='', num_trials=3
    )
    assert other == dataclasses.replace(
      plan.configs['random'].search, budget_clock='processor', final_seeds=0
    )
    assert each.network == plan.config.network


@pytest.mark.parametrize(
  ('overrides', 'names', 'part'),
  [
    ((), ('random', 'random'), 'name each strategy once'),
    ((), (), 'name each strategy once'),
    ((), ('randon',), "'randon'; known are"),
    (('search.budget=3m',), ('random',), 'use its own flags'),
    (('tpe.num_startup=4',), ('random',), 'of a strategy that is not'),
    (('search.epochs=4',), ('random',), 'of a strategy that is not'),
    (('search.nope=4',), ('random',), 'search.nope'),
    ((), ('random', 'esnac'), 'say which with --set=train.init_from=RUN'),
    (('runtime.seed=2147483647',), ('random',), 'seed is 2147483648'),
    (('data.val_split=',), ('random',), 'no images that nothing has seen'),
  ],
)
def test_what_cannot_be_compared_is_refused(config, overrides, names, part):
  with pytest.raises(errors.UserError, match=part):
    build(config, *overrides, names=names)


def test_a_damaged_file_of_a_comparison_is_a_sentence(config, tmp_path):
  path = tmp_path / 'comparison.json'
  for content in ('', '{', '[]'):
    path.write_text(content)
    with pytest.raises(errors.UserError, match='another --run_dir') as error:
      plan_lib.keep(path, build(config))
    assert 'comparison.json is damaged: ' in str(error.value)


def test_the_last_trainings_are_as_long_as_the_settings_say(config, records):
  plan = build(config, 'train.epochs=4', 'train.steps_per_epoch=7')
  assert plan.final_steps == 28
  by_pass = build(config, 'train.epochs=4', 'data.held_out_fraction=0.5')
  whole = build(config, 'train.epochs=4')
  assert 0 < by_pass.final_steps < whole.final_steps


@pytest.mark.parametrize(
  ('change', 'values', 'part'),
  [
    ((), {'seconds': 91.0}, 'budget 90.0, now it is 91.0'),
    (('space.num_layers=3',), {}, 'space.num_layers 2, now it is 3'),
    (('train.momentum=0.5',), {}, 'train.momentum 0.9, now it is 0.5'),
    (('halving.reduction=2.0',), {}, 'halving.reduction 5.0, now it is 2.0'),
    (('runtime.seed=1',), {}, 'first seed 0, now it is 1'),
  ],
)
def test_another_comparison_in_the_folder_is_refused(
  config, tmp_path, change, values, part
):
  path = tmp_path / 'comparison.json'
  plan_lib.keep(path, build(config))
  with pytest.raises(errors.UserError, match='cannot be compared') as error:
    plan_lib.keep(path, build(config, *change, **values))
  assert part in str(error.value)


def test_other_code_and_other_data_are_refused(config, tmp_path, monkeypatch):
  path = tmp_path / 'comparison.json'
  plan = build(config)
  plan_lib.keep(path, plan)
  for name in ('code', 'data'):
    held = json.loads(path.read_text())
    path.write_text(json.dumps({**held, name: 'other'}))
    with pytest.raises(errors.UserError, match=f'with {name} other, now it is'):
      plan_lib.keep(path, plan)
    path.write_text(json.dumps(held))
  plan_lib.keep(path, plan)


def test_strategies_and_searches_may_become_more(config, tmp_path):
  path = tmp_path / 'comparison.json'
  plan_lib.keep(path, build(config, names=('random',)))
  plan_lib.keep(path, build(config, names=('first_order', 'halving')))
  plan_lib.keep(path, build(config, num_searches=4, num_random=2, num_seeds=4))
  facts = json.loads(path.read_text())
  assert facts['halving.reduction'] == 5.0
  assert not any(key.startswith('runtime.') for key in facts)
