"""Weights of classes, by hand."""

import dataclasses

import numpy as np
import pytest

from deeplab_nas import errors
from deeplab_nas.config import config as config_lib
from deeplab_nas.data import dataset_info
from deeplab_nas.train import class_weights

PIXELS = (600, 300, 100, 0)
INFO = dataset_info.DatasetInfo(
  'tiny',
  ('road', 'sky', 'car', 'moose'),
  ((0, 0, 0), (1, 1, 1), (2, 2, 2), (3, 3, 3)),
  splits={
    'train': dataset_info.SplitInfo(1, 1, (9, 9), (9, 9), PIXELS),
    'empty': dataset_info.SplitInfo(1, 1, (9, 9), (9, 9), (0, 0, 0, 0)),
  },
)


def compute(choice, info=INFO, split='train', **settings):
  config = config_lib.TrainConfig(class_weights=choice, **settings)
  return class_weights.compute(config, info, split)


def test_inverse_frequency():
  weights = compute('inverse')
  assert weights == pytest.approx((1000 / 1800, 1000 / 900, 1000 / 300, 0))
  assert np.dot(weights, PIXELS) == pytest.approx(1000)  # a mean of 1


def test_median_frequency():
  weights = compute('median_frequency')
  assert weights == pytest.approx((0.5, 1, 3, 0))


def test_sqrt_inverse_frequency():
  weights = compute('sqrt_inverse')
  roots = np.array([600**-0.5, 300**-0.5, 100**-0.5, 0])
  assert weights == pytest.approx(roots * 1000 / np.dot(roots, PIXELS))
  assert weights[2] / weights[0] == pytest.approx(6**0.5)
  assert np.dot(weights, PIXELS) == pytest.approx(1000)


def test_effective_number():
  weights = compute('effective_number', effective_number_beta=0.99)
  shares = np.array([0.01 / (1 - 0.99**n) for n in PIXELS[:3]] + [0])
  assert weights == pytest.approx(shares * 1000 / np.dot(shares, PIXELS))
  assert weights[2] / weights[0] == pytest.approx(
    (1 - 0.99**600) / (1 - 0.99**100)
  )


def test_the_effective_number_lies_between_no_weights_and_inverse():
  equal = compute('effective_number', effective_number_beta=0)
  assert equal == pytest.approx((1, 1, 1, 0))
  # A thousand pixels are few to a beta of a million.
  inverse = compute('inverse')
  assert compute('effective_number') == pytest.approx(inverse, rel=1e-3)
  pixels = np.array([10**9, 10**8, 10**4])
  weights = class_weights.effective_number(pixels.astype(float), 0.999999)
  assert weights[1] == pytest.approx(weights[0])
  assert weights[2] / weights[1] == pytest.approx(100, rel=0.01)


def test_a_search_takes_them_too():
  config = config_lib.SearchConfig(class_weights='inverse')
  assert class_weights.compute(config, INFO, 'train') == compute('inverse')
  with pytest.raises(errors.UserError, match='search.class_weights is inverse'):
    class_weights.compute(config, INFO, 'other')


def test_none_is_none():
  assert compute('none', split='unheard of') == ()


def test_a_class_that_is_ignored_does_not_count():
  info = dataclasses.replace(INFO, ignore_label=0)
  weights = compute('inverse', info)
  assert weights == pytest.approx((0, 400 / 600, 400 / 200, 0))


@pytest.mark.parametrize(
  'name, text',
  [
    ('w.json', '[1, 0.5, 2, 0]'),
    ('w.yaml', '- 1\n- 0.5\n- 2\n- 0\n'),
    ('w.txt', '1\n0.5\n2\n0\n'),
    ('w.txt', '1 0.5 2e0 0'),
  ],
)
def test_a_file_has_one_for_each_class(tmp_path, name, text):
  (tmp_path / name).write_text(text)
  weights = compute(str(tmp_path / name))
  assert weights == (1, 0.5, 2, 0)


@pytest.mark.parametrize(
  'text, sentence',
  [
    ('[1, 2, 3]', 'holds 3 numbers, expected 4'),
    ('1', 'holds 1 numbers'),
    ('[1, 2, 3, -1]', 'holds other things'),
    ('[1, 2, 3, .nan]', 'holds other things'),
    ('{road: 1}', 'holds other things'),
    ('[[1], 2, 3, 4]', 'holds other things'),
    ('[1, 2', 'holds other things'),
    ('[0, 0, 0, 0]', 'holds the weight 0 for every class'),
  ],
)
def test_a_file_of_something_else_is_refused(tmp_path, text, sentence):
  path = tmp_path / 'weights'
  path.write_text(text)
  with pytest.raises(errors.UserError, match='of at least 0|above 0') as caught:
    compute(str(path))
  assert sentence in str(caught.value)


@pytest.mark.parametrize(
  'choice, split, sentence',
  [
    ('inverse', 'other', 'does not count the pixels of split other'),
    ('median_frequency', 'empty', 'has no labelled pixel'),
    (
      'invers',
      'train',
      'neither none, inverse, sqrt_inverse, median_frequency, effective_number'
      ' nor a file',
    ),
  ],
)
def test_what_cannot_be_counted_is_refused(choice, split, sentence):
  with pytest.raises(errors.UserError, match=sentence):
    compute(choice, split=split)
