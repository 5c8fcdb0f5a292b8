"""Workers that differ are in tests/scripts/two_workers_test.py."""

from __future__ import annotations

import dataclasses

import tensorflow as tf

from deeplab_nas.config import config as config_lib
from deeplab_nas.data import dataset_info
from deeplab_nas.run import worker_check


def config(**settings):
  sections = {'data': {'dir': '/a'}, **settings}
  return config_lib.Config.from_dict(sections)


INFO = dataset_info.DatasetInfo.cityscapes()


def differing(one, other) -> list[str]:
  assert list(one) == list(other)
  return [name for name, value in one.items() if value != other[name]]


def test_facts_are_all_settings_but_where_the_data_is():
  facts = worker_check.facts(config(), INFO)
  assert 'search.learning_rate' in facts
  assert 'data.batch_size' in facts
  assert 'data.dir' not in facts
  elsewhere = config(data={'dir': '/b'})
  assert worker_check.facts(elsewhere, INFO) == facts


def test_a_setting_and_the_dataset_differ():
  facts = worker_check.facts(config(), INFO)
  other = worker_check.facts(config(runtime={'seed': 1}), INFO)
  assert differing(facts, other) == ['runtime.seed']
  split = dataset_info.SplitInfo(3, 1, (9, 9), (9, 9), (1,) * 19)
  info = dataclasses.replace(INFO, splits={'train': split})
  assert differing(facts, worker_check.facts(config(), info)) == ['dataset']


def test_one_machine_agrees_with_itself():
  names = [device.name for device in tf.config.list_logical_devices('CPU')]
  for strategy in (
    tf.distribute.get_strategy(),
    tf.distribute.MirroredStrategy(names),
  ):
    assert worker_check.require(strategy, {'a': 'b'}) is None
