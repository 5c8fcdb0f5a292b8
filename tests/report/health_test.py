"""Each problem is reported once, and nothing else is."""

import dataclasses
import logging
import types

import numpy as np
import pytest
import tensorflow as tf

from deeplab_nas.config import config as config_lib
from deeplab_nas.data import dataset_info
from deeplab_nas.report import arch_evidence, arch_state, health
from deeplab_nas.space import arch_weights, genotype, search_space, zoo

INFO = dataset_info.DatasetInfo(
  'tiny', ('road', 'sky', 'car'), ((1, 1, 1), (2, 2, 2), (3, 3, 3))
)
SPACE = search_space.SearchSpace()
DECIDED = arch_weights.one_hot(zoo.load('auto_deeplab'), SPACE)
# Labels by predictions.
GOOD = [[5, 1, 0], [1, 5, 0], [0, 1, 5]]
NO_CAR = [[5, 1, 0], [1, 5, 0], [3, 1, 0]]
ALL_SKY = [[0, 5, 0], [0, 5, 0], [0, 5, 0]]


@pytest.fixture
def warnings(caplog):
  caplog.set_level(logging.WARNING)
  return lambda: [record.getMessage() for record in caplog.records]


def validate(*confusions, **settings):
  callback = health.Health(INFO, **settings)
  for epoch, confusion in enumerate(confusions):
    matrix = tf.Variable(np.array(confusion, np.float32))
    metric = types.SimpleNamespace(total_cm=matrix)
    callback.set_model(types.SimpleNamespace(val_metric=metric))
    callback.on_epoch_end(epoch, {'val_miou': 0.5})
  return callback


def test_good_predictions_are_no_trouble(warnings):
  validate(*[GOOD] * 9)
  assert not warnings()


def test_a_constant_prediction_is_reported_once(warnings):
  validate(*[ALL_SKY] * 9)
  (sentence,) = warnings()
  assert 'was predicted as sky' in sentence
  assert 'this mIoU, 11.1 %, is' in sentence
  assert 'train.class_weights' in sentence


def test_a_constant_prediction_has_its_score_and_the_setting_that_helps(
  warnings,
):
  validate(ALL_SKY, loss=config_lib.SearchConfig())
  (sentence,) = warnings()
  assert '--set=search.class_weights=sqrt_inverse' in sentence
  assert 'road everywhere: mIoU 11.1 %, accuracy 33.3 %' in sentence


def test_weights_that_are_there_are_not_advised(warnings):
  validate(ALL_SKY, loss=config_lib.TrainConfig(class_weights='inverse'))
  (sentence,) = warnings()
  assert 'class_weights' not in sentence


def test_what_was_reported_is_handed_out_once(warnings):
  callback = validate(*[ALL_SKY] * 2)
  (sentence,) = warnings()
  assert callback.take_new() == {'constant': sentence}
  assert callback.take_new() == {}


def test_a_class_that_is_never_predicted_is_named(warnings):
  validate(*[NO_CAR] * 2, GOOD, *[NO_CAR] * 2)
  assert not warnings()
  validate(*[NO_CAR] * 5)
  (sentence,) = warnings()
  assert 'no pixel was predicted as car' in sentence
  assert 'train.class_weights' in sentence


def test_a_resumed_run_counts_the_validations_before(warnings):
  lines = [
    {'epoch': epoch, 'val_miou': 0.5, 'missed_classes': ['car']}
    for epoch in (1, 2)
  ]
  callback = health.Health(INFO, history=lambda: lines)
  metric = types.SimpleNamespace(
    total_cm=tf.Variable(np.array(NO_CAR, np.float32))
  )
  callback.set_model(types.SimpleNamespace(val_metric=metric))
  callback.on_epoch_end(2, {'val_miou': 0.5})
  (sentence,) = warnings()
  assert 'In 3 validations no pixel was predicted as car' in sentence


def test_a_search_is_pointed_to_its_own_class_weights(warnings):
  waiting = {'read_arch': state, 'arch_start_epoch': 99}
  validate(*[NO_CAR] * 5, **waiting)
  validate(ALL_SKY, **waiting)
  assert len(warnings()) == 2
  for sentence in warnings():
    assert 'search.class_weights' in sentence
    assert 'train.class_weights' not in sentence


def test_a_class_without_labels_is_not_missed(warnings):
  validate(*[[[5, 1, 0], [1, 5, 0], [0, 0, 0]]] * 5)
  assert not warnings()


def searched(states, arch_start_epoch=0):
  states = iter(states)
  callback = health.Health(INFO, lambda: next(states), arch_start_epoch)
  callback.set_model(None)
  for epoch in range(9):
    callback.on_epoch_end(epoch, {})


def state(weights=DECIDED, found=None):
  return arch_state.ArchState(SPACE, weights, found or zoo.load('auto_deeplab'))


def test_a_search_that_decides_is_no_trouble(warnings):
  searched([state()] * 9)
  assert not warnings()


def test_an_architecture_of_skips_and_pools_is_reported(warnings):
  weak = genotype.Genotype(
    (0, 1),
    (
      (('prev', 'max_pool_3x3'), ('prev_prev', 'skip_connect')),
      (('block_0', 'skip_connect'), ('prev', 'sep_conv_3x3')),
    ),
  )
  searched([state(found=weak)] * 9)
  (sentence,) = warnings()
  assert sentence.startswith('75 % of the connections are skips and pools')


def test_alpha_that_does_not_move_is_reported_after_some_epochs(warnings):
  flat = arch_weights.ArchWeights(np.full([20, 8], 1 / 8), DECIDED.transition)
  searched([state(flat)] * 2 + [state()] * 7)
  assert not warnings()
  # The first epochs of a search do not move it.
  searched([state(flat)] * 2, arch_start_epoch=7)
  assert not warnings()
  searched([state(flat)] * 9)
  (sentence,) = warnings()
  assert 'search.arch_learning_rate' in sentence


def test_alpha_that_moved_little_but_more_than_noise_is_no_trouble(warnings):
  flat = arch_weights.ArchWeights(np.full([20, 8], 1 / 8), DECIDED.transition)
  drift = arch_evidence.Against(0.04, 0.01, 0.001)
  none = np.zeros([5, 2], bool), np.zeros(12, bool)
  evidence = arch_evidence.Evidence(99, 64, {'alpha': drift}, {}, *none, *none)
  searched([dataclasses.replace(state(flat), evidence=evidence)] * 9)
  assert not warnings()
  noise = dataclasses.replace(evidence, drifts={'beta': drift})
  searched([dataclasses.replace(state(flat), evidence=noise)] * 9)
  assert len(warnings()) == 1
