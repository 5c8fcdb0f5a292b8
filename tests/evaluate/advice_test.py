"""Advice that applies, and none where there is nothing to say."""

import numpy as np
import pytest

from deeplab_nas.config import config as config_lib
from deeplab_nas.evaluate import advice, scores

NAMES = ('road', 'tree', 'car')


def given(confusion, names=NAMES, **settings):
  result = scores.Scores(names, np.array(confusion), 1, 0)
  return advice.sentences(result, config_lib.TrainConfig(**settings))


def test_a_network_that_knows_all_classes_needs_none():
  assert given([[9, 1, 0], [1, 5, 0], [0, 1, 2]]) == []
  assert given([[9, 1, 0], [1, 5, 0], [0, 0, 0]]) == []  # no car anywhere


def test_one_class_everywhere_is_named_with_class_weights():
  (sentence,) = given([[9, 0, 0], [6, 0, 0], [3, 0, 0]])
  assert 'Every pixel was predicted as road' in sentence
  assert 'misses tree, car' in sentence
  assert '--set=train.class_weights=sqrt_inverse' in sentence
  assert '--set=train.loss=cross_entropy+dice' in sentence


def test_missed_classes_are_named():
  (sentence,) = given([[9, 1, 0], [1, 5, 0], [2, 1, 0]])
  assert sentence.startswith('Never predicted: car. If these')


@pytest.mark.parametrize(
  'settings, present, absent',
  [
    ({'class_weights': 'inverse'}, 'loss=cross_entropy+dice', 'class_weights'),
    ({'loss': 'focal+lovasz'}, 'class_weights=sqrt_inverse', 'train.loss'),
    (
      {'class_weights': 'inverse', 'loss': 'dice'},
      'already favours rare classes',
      '--set',
    ),
  ],
)
def test_what_was_done_is_not_advised(settings, present, absent):
  (sentence,) = given([[9, 1, 0], [1, 5, 0], [2, 1, 0]], **settings)
  assert present in sentence and absent not in sentence


def test_worse_than_a_constant_is_said():
  sentences = given([[1, 5, 5], [2, 0, 0], [2, 0, 0]])
  assert len(sentences) == 1
  assert 'is not above the 24.44 % of road everywhere' in sentences[0]


def test_one_class_teaches_nothing():
  (sentence,) = given([[9]], ('road',))
  assert 'any prediction is right' in sentence
