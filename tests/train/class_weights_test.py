"""Weights of classes, by hand."""

import dataclasses

import numpy as np
import pytest

from deeplab_nas import errors
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


def test_inverse_frequency():
  weights = class_weights.compute('inverse', INFO, 'train')
  assert weights == pytest.approx((1000 / 1800, 1000 / 900, 1000 / 300, 0))
  assert np.dot(weights, PIXELS) == pytest.approx(1000)  # a mean of 1


def test_median_frequency():
  weights = class_weights.compute('median_frequency', INFO, 'train')
  assert weights == pytest.approx((0.5, 1, 3, 0))


def test_none_is_none():
  assert class_weights.compute('none', INFO, 'unheard of') == ()


def test_a_class_that_is_ignored_does_not_count():
  info = dataclasses.replace(INFO, ignore_label=0)
  weights = class_weights.compute('inverse', info, 'train')
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
  weights = class_weights.compute(str(tmp_path / name), INFO, 'train')
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
  ],
)
def test_a_file_of_something_else_is_refused(tmp_path, text, sentence):
  path = tmp_path / 'weights'
  path.write_text(text)
  with pytest.raises(errors.UserError, match='of at least 0') as caught:
    class_weights.compute(str(path), INFO, 'train')
  assert sentence in str(caught.value)


@pytest.mark.parametrize(
  'choice, split, sentence',
  [
    ('inverse', 'other', 'does not count the pixels of split other'),
    ('median_frequency', 'empty', 'has no labelled pixel'),
    ('invers', 'train', 'neither none, inverse, median_frequency nor a file'),
  ],
)
def test_what_cannot_be_counted_is_refused(choice, split, sentence):
  with pytest.raises(errors.UserError, match=sentence):
    class_weights.compute(choice, INFO, split)
