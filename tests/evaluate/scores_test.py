"""Measures by hand, and what becomes of absent classes."""

import csv
import io
import json
import math

import numpy as np
import pytest

from deeplab_nas.evaluate import scores

# Labels in rows: 'sky' is never labelled but predicted once, 'car' is nowhere.
CONFUSION = np.array(
  [[6, 2, 1, 0], [1, 3, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]], np.int64
)
NAMES = ('road', 'tree', 'sky', 'car')
IOU = [6 / 10, 3 / 6, 0.0, math.nan]


@pytest.fixture
def result():
  return scores.Scores(NAMES, CONFUSION, num_images=2, ignored_pixels=7)


def test_the_four_measures_by_hand(result):
  np.testing.assert_allclose(result.class_iou, IOU)
  np.testing.assert_allclose(
    result.class_accuracy, [6 / 9, 3 / 4, math.nan, math.nan]
  )
  assert result.miou == pytest.approx((0.6 + 0.5 + 0) / 3)
  assert result.pixel_accuracy == pytest.approx(9 / 13)
  assert result.mean_accuracy == pytest.approx((6 / 9 + 3 / 4) / 2)
  assert result.frequency_weighted_iou == pytest.approx(
    9 / 13 * 0.6 + 4 / 13 * 0.5
  )


def test_precision_and_f1_by_hand(result):
  np.testing.assert_allclose(
    result.class_precision, [6 / 7, 3 / 5, 0, math.nan]
  )
  np.testing.assert_allclose(result.class_f1, [12 / 16, 6 / 9, 0, math.nan])
  record = result.to_dict()
  assert record['class_precision']['road'] == pytest.approx(6 / 7)
  assert record['class_recall'] == record['class_accuracy']
  assert record['class_f1']['car'] is None
  assert record['mean_f1'] == pytest.approx((12 / 16 + 6 / 9 + 0) / 3)
  assert record['class_boundary_iou'] == dict.fromkeys(NAMES)  # not counted
  assert record['intervals']['miou'] == [None, None]


@pytest.mark.parametrize('best', range(4))
def test_the_constant_is_the_best_there_is(best):
  confusion = np.roll(np.diag([5, 3, 0, 1]), best, (0, 1))
  constant = scores.Scores(NAMES, confusion, 1, 0).constant
  labelled = confusion.sum(1)
  found = []
  for c in range(4):
    guess = np.zeros([4, 4], np.int64)
    guess[:, c] = labelled
    guessed = scores.Scores(NAMES, guess, 1, 0)
    found.append((guessed.miou, guessed.pixel_accuracy, NAMES[c]))
  miou, accuracy, name = max(found)
  assert name == constant.name == NAMES[best]
  assert constant.miou == pytest.approx(miou)
  assert constant.pixel_accuracy == pytest.approx(accuracy)


def test_classes_that_are_never_predicted_are_named(result):
  assert result.never_predicted == ()
  confusion = np.zeros([4, 4], np.int64)
  confusion[:2, 0] = 1, 2
  missed = scores.Scores(NAMES, confusion, 1, 0)
  assert missed.never_predicted == ('tree',)
  assert missed.to_dict()['never_predicted'] == ['tree']
  assert missed.to_dict()['constant_prediction']['name'] == 'tree'


def test_nothing_labelled_has_no_scores():
  empty = scores.Scores(('a', 'b'), np.zeros([2, 2], np.int64), 1, 5)
  assert math.isnan(empty.miou) and math.isnan(empty.pixel_accuracy)
  for name in ('miou', 'mean_accuracy', 'frequency_weighted_iou'):
    assert empty.to_dict()[name] is None
  assert ' -' in str(empty)
  assert empty.constant is None and empty.to_dict()['never_predicted'] == []


def test_json_holds_every_number_and_null_for_absent_classes(result):
  record = json.loads(json.dumps(result.to_dict(), allow_nan=False))
  assert record['class_iou'] == {
    'road': 0.6,
    'tree': 0.5,
    'sky': 0.0,
    'car': None,
  }
  assert record['confusion'] == CONFUSION.tolist()
  assert (record['num_images'], record['ignored_pixels']) == (2, 7)
  assert record['labelled_pixels'] == 13


def test_csv_has_a_line_for_each_class(result):
  rows = list(csv.DictReader(io.StringIO(result.to_csv())))
  assert [row['class'] for row in rows] == [*NAMES, 'mean or sum']
  assert rows[0]['iou'] == '0.600000'
  assert rows[3]['iou'] == '' and rows[3]['labelled_pixels'] == '0'
  assert rows[2]['predicted_pixels'] == '1'


def test_the_table_names_classes_in_percent(result):
  lines = str(result).splitlines()
  assert lines[1].split() == [
    'road',
    '60.00',
    '%',
    '-',
    '66.67',
    '%',
    '85.71',
    '%',
    '75.00',
    '%',
    '-',
    '9',
  ]
  assert lines[4].split() == ['car', *'------', '0']
  assert lines[-1] == '2 images, 7 pixels ignored'


def test_confusion_matrix_counts_every_pixel_but_the_ignored():
  rng = np.random.default_rng(0)
  label = rng.choice([0, 1, 2, 255], [5, 7, 9])
  prediction = rng.integers(0, 3, label.shape).astype(np.uint8)
  expected = np.zeros([3, 3], np.int64)
  for true, found in zip(label.ravel(), prediction.ravel()):
    if true != 255:
      expected[true, found] += 1
  counted = scores.confusion_matrix(label, prediction, 3, 255)
  np.testing.assert_array_equal(counted, expected)
  assert counted.dtype == np.int64


def test_a_class_can_be_the_ignored_one():
  label = np.array([0, 0, 1])
  counted = scores.confusion_matrix(label, np.array([0, 1, 1]), 2, 0)
  np.testing.assert_array_equal(counted, [[0, 0], [0, 1]])
