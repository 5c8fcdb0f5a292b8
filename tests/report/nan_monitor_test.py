"""A step that is not finite ends the run, and says what to change."""

import logging
import types

import pytest
import tensorflow as tf

from deeplab_nas import errors
from deeplab_nas.report import nan_monitor
from deeplab_nas.run import step_guard


def build(skips=False, num_bad=0):
  asked = []

  def names_of(step):
    asked.append(step)
    return ['left', 'right']

  callback = nan_monitor.NaNMonitor('train', 10, names_of, skips)
  guard = types.SimpleNamespace(num_bad=tf.Variable(num_bad))
  callback.set_model(types.SimpleNamespace(guard=guard))
  callback.on_train_begin()
  callback.on_epoch_begin(2)
  return callback, asked


def logs(num_bad):
  return {'loss': 1.0, 'learning_rate': 0.05, step_guard.NAME: num_bad}


def test_a_bad_step_is_refused_with_all_that_helps():
  callback, asked = build()
  callback.on_train_batch_end(3, logs(0))
  with pytest.raises(errors.UserError) as caught:
    callback.on_train_batch_end(4, logs(1))
  sentence = str(caught.value)
  assert 'of epoch 3, step 5 is not finite, at learning rate 0.05' in sentence
  assert 'the images left, right.' in sentence
  assert 'a lower train.learning_rate' in sentence
  assert 'train.gradient_clip' in sentence
  assert '--set=runtime.nan_policy=skip' in sentence
  assert asked == [24]


def test_skipped_steps_are_logged_a_few_times(caplog):
  callback, asked = build(skips=True)
  with caplog.at_level(logging.WARNING):
    for step in range(9):
      callback.on_train_batch_end(step, logs(step))
  assert len(caplog.records) == len(asked) == 5
  assert 'step 2 is not finite' in caplog.text and 'as were 4' in caplog.text


def test_those_before_a_resumption_are_not_logged_again():
  callback, asked = build(num_bad=3)
  callback.on_train_batch_end(0, logs(3))
  assert not asked
