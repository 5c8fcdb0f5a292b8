"""The best constant prediction, worked out by hand."""

import types

import numpy as np
import pytest
import tensorflow as tf

from deeplab_nas.report import baseline

NAMES = ('road', 'sky', 'car')


def numbers(confusion):
  matrix = tf.Variable(np.array(confusion, np.float32))
  metric = types.SimpleNamespace(total_cm=matrix)
  return baseline.of_validation(types.SimpleNamespace(val_metric=metric), NAMES)


def test_the_constant_is_the_most_frequent_label():
  found = numbers([[5, 1, 0], [2, 10, 0], [1, 0, 1]])
  assert found == {
    'val_accuracy': pytest.approx(16 / 20),
    'constant_miou': pytest.approx(12 / 20 / 3),
    'constant_accuracy': pytest.approx(12 / 20),
    'constant_class': 'sky',
  }
  (line,) = baseline.sentences(found)
  assert line == (
    'For comparison, sky everywhere: mIoU 20.0 %, accuracy 60.0 %; own'
    ' accuracy 80.0 %.'
  )


def test_classes_without_labels_do_not_count():
  assert numbers([[6, 0, 0], [2, 0, 0], [0, 0, 0]])['constant_miou'] == (
    pytest.approx(0.75 / 2)
  )


def test_a_constant_of_ones_own_is_noted():
  found = numbers([[6, 0, 0], [2, 0, 0], [0, 0, 0]])
  assert found['predicted_class'] == 'road'
  assert 'road is predicted for every pixel' in baseline.sentences(found)[1]


def test_without_labels_there_is_none():
  assert numbers(np.zeros([3, 3])) == {}
  assert baseline.sentences({}) == []


def test_warnings_come_with_their_epoch():
  lines = [
    {'epoch': 1},
    {'epoch': 2, 'warnings': {'constant': 'one'}},
    {'epoch': 3, 'warnings': {'missed': 'two'}},
  ]
  assert baseline.warned(lines)[2:] == ['  epoch 2: one', '  epoch 3: two']
  assert baseline.warned(lines[:1]) == []
