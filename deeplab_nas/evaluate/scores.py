"""How good predictions are, from a confusion matrix of whole numbers.

A class that is neither in the labels nor predicted has no IoU, one that is not
in the labels has no accuracy: both are NaN (null in JSON, empty in CSV) and are
left out of means. A class that is predicted but nowhere labelled has IoU 0 and
counts in the mean.

Reference:
  Long et al., Sec. 5 (the four measures), https://arxiv.org/abs/1411.4038
"""

from __future__ import annotations

import csv
import dataclasses
import io
import math
from typing import Any

import numpy as np

from deeplab_nas.evaluate import class_iou


@dataclasses.dataclass(frozen=True)
class Scores:
  """Every measure of one evaluation.

  Attributes:
    class_names: C names, in class order.
    confusion: int64 [C, C], pixels by label (rows) and prediction (columns).
    num_images: How many images were counted.
    ignored_pixels: Pixels with the ignore label.
  """

  class_names: tuple[str, ...]
  confusion: np.ndarray
  num_images: int
  ignored_pixels: int

  @property
  def class_iou(self) -> np.ndarray:
    """float64 [C], intersection over union."""
    return class_iou.from_confusion(self.confusion)

  @property
  def class_accuracy(self) -> np.ndarray:
    """float64 [C], the share of a class's pixels that are found (recall)."""
    return _ratio(np.diagonal(self.confusion), self.confusion.sum(1))

  @property
  def miou(self) -> float:
    """Mean IoU over the classes that have one."""
    return _mean(self.class_iou)

  @property
  def pixel_accuracy(self) -> float:
    return float(_ratio(np.trace(self.confusion), self.confusion.sum()))

  @property
  def mean_accuracy(self) -> float:
    """Mean accuracy over the classes in the labels."""
    return _mean(self.class_accuracy)

  @property
  def frequency_weighted_iou(self) -> float:
    """IoU of each class, weighted by its share of the labelled pixels."""
    share = _ratio(self.confusion.sum(1), self.confusion.sum())
    return float(np.where(share == 0, 0, share * self.class_iou).sum())

  def to_dict(self) -> dict[str, Any]:
    """All numbers in types that JSON knows."""
    return {
      'num_images': self.num_images,
      'labelled_pixels': int(self.confusion.sum()),
      'ignored_pixels': self.ignored_pixels,
      'miou': _plain(self.miou),
      'pixel_accuracy': _plain(self.pixel_accuracy),
      'mean_accuracy': _plain(self.mean_accuracy),
      'frequency_weighted_iou': _plain(self.frequency_weighted_iou),
      'class_iou': self._by_name(self.class_iou),
      'class_accuracy': self._by_name(self.class_accuracy),
      'confusion': self.confusion.tolist(),
    }

  def to_csv(self) -> str:
    """A line for each class, in class order, and one for the means."""
    stream = io.StringIO()
    table = csv.writer(stream, lineterminator='\n')
    table.writerow(
      ['class', 'iou', 'accuracy', 'labelled_pixels', 'predicted_pixels']
    )
    rows = zip(
      self.class_names,
      self.class_iou,
      self.class_accuracy,
      self.confusion.sum(1),
      self.confusion.sum(0),
    )
    for name, *numbers in rows:
      table.writerow([name, *map(_cell, numbers)])
    total = int(self.confusion.sum())
    means = (self.miou, self.mean_accuracy, total, total)
    table.writerow(['mean or sum', *map(_cell, means)])
    return stream.getvalue()

  def __str__(self) -> str:
    """A table for people."""
    width = max(20, *map(len, self.class_names))
    lines = [f'{"class":<{width}} {"IoU":>8} {"accuracy":>9} {"pixels":>12}']
    rows = zip(self.class_names, self.class_iou, self.class_accuracy)
    for (name, iou, accuracy), pixels in zip(rows, self.confusion.sum(1)):
      lines.append(
        f'{name:<{width}} {_percent(iou):>8} {_percent(accuracy):>9}'
        f' {pixels:>12,}'
      )
    summary = (
      ('mean IoU', self.miou),
      ('pixel accuracy', self.pixel_accuracy),
      ('mean accuracy', self.mean_accuracy),
      ('frequency-weighted IoU', self.frequency_weighted_iou),
    )
    lines += [''] + [f'{name:<24} {_percent(x):>8}' for name, x in summary]
    lines.append(
      f'{self.num_images} images, {self.ignored_pixels:,} pixels ignored'
    )
    return '\n'.join(lines)

  def _by_name(self, values: np.ndarray) -> dict[str, float | None]:
    return dict(zip(self.class_names, map(_plain, values)))


def confusion_matrix(
  label: np.ndarray, prediction: np.ndarray, num_classes: int, ignore_label: int
) -> np.ndarray:
  """Pixels by label (rows) and prediction (columns), int64 [C, C].

  Args:
    label: integers [...], below `num_classes` or `ignore_label`.
    prediction: integers [...] below `num_classes`.
    num_classes: C.
    ignore_label: Pixels with this label are left out.
  """
  is_counted = label != ignore_label
  pairs = num_classes * label[is_counted].astype(np.int64)
  pairs += prediction[is_counted]
  counts = np.bincount(pairs, minlength=num_classes**2)
  return counts.reshape(num_classes, num_classes)


def _ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
  """part / whole, NaN where the whole is 0."""
  part, whole = np.asarray(part, np.float64), np.asarray(whole, np.float64)
  return np.where(whole > 0, part / np.where(whole > 0, whole, 1), np.nan)


def _mean(values: np.ndarray) -> float:
  known = values[~np.isnan(values)]
  return float(known.mean()) if known.size else math.nan


def _plain(value: float) -> float | None:
  return None if math.isnan(value) else float(value)


def _cell(value: float) -> str:
  if isinstance(value, (int, np.integer)):
    return str(value)
  return '' if math.isnan(value) else f'{value:.6f}'


def _percent(value: float) -> str:
  return '-' if math.isnan(value) else f'{100 * value:.2f} %'
