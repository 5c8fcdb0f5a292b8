"""IoU against a count by hand."""

import numpy as np

from deeplab_nas.evaluate import class_iou


def test_it_is_intersection_over_union():
  labels = np.array([0, 0, 0, 1, 1, 2])
  predictions = np.array([0, 0, 1, 1, 0, 0])
  confusion = np.zeros([4, 4])
  np.add.at(confusion, (labels, predictions), 1)
  expected = []
  for index in range(4):
    labelled, predicted = labels == index, predictions == index
    union = (labelled | predicted).sum()
    expected.append((labelled & predicted).sum() / union if union else np.nan)
  np.testing.assert_allclose(class_iou.from_confusion(confusion), expected)
  assert class_iou.from_confusion(confusion)[2] == 0  # labelled, never found
  assert np.isnan(class_iou.from_confusion(confusion)[3])  # neither


def test_nothing_counted_is_nan():
  assert np.isnan(class_iou.from_confusion(np.zeros([2, 2]))).all()
