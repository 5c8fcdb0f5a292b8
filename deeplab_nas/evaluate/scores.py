"""How good predictions are, from a confusion matrix of whole numbers.

A class that is neither in the labels nor predicted has no IoU and no F1, one
that is not in the labels has no recall, one that is never predicted no
precision: they are NaN (null in JSON, empty in CSV) and are left out of means.
A class that is predicted but nowhere labelled has IoU 0 and counts in the mean.

Reference:
  Long et al., Sec. 5 (IoU, accuracies), https://arxiv.org/abs/1411.4038
"""

from __future__ import annotations

import dataclasses
import functools
import math
from typing import Any

import numpy as np

from deeplab_nas.evaluate import (
  bootstrap,
  class_iou,
  image_counts,
  score_table,
)


@dataclasses.dataclass(frozen=True)
class Constant:
  """What predicting one class everywhere would score.

  Attributes:
    name: The class, that of the most labelled pixels.
    miou: Mean IoU; every other labelled class has 0.
    pixel_accuracy: The class's share of the labelled pixels.
  """

  name: str
  miou: float
  pixel_accuracy: float


@dataclasses.dataclass(frozen=True)
class Scores:
  """Every measure of one evaluation.

  Attributes:
    class_names: C names, in class order.
    confusion: int64 [C, C], pixels by label (rows) and prediction (columns).
    num_images: How many images were counted.
    ignored_pixels: Pixels with the ignore label.
    images: The counts of each image; None if they were not kept.
  """

  class_names: tuple[str, ...]
  confusion: np.ndarray
  num_images: int
  ignored_pixels: int
  images: image_counts.ImageCounts | None = None

  @property
  def class_iou(self) -> np.ndarray:
    """float64 [C], intersection over union."""
    return class_iou.from_confusion(self.confusion)

  @property
  def class_accuracy(self) -> np.ndarray:
    """float64 [C], the share of a class's pixels that are found (recall)."""
    return _ratio(self._hits, self.confusion.sum(1))

  @property
  def class_precision(self) -> np.ndarray:
    """float64 [C], the share of right ones among those predicted as a class."""
    return _ratio(self._hits, self.confusion.sum(0))

  @property
  def class_f1(self) -> np.ndarray:
    """float64 [C], 2 hits / (labelled + predicted): F1, which is Dice."""
    return _ratio(2 * self._hits, self.confusion.sum(0) + self.confusion.sum(1))

  @property
  def class_boundary_iou(self) -> np.ndarray:
    """float64 [C], IoU of what is near contours; see `boundary`."""
    if self.images is None:
      return np.full(len(self.class_names), np.nan)
    counts = self.images.counts[:, image_counts.CONTOURS].sum(0)  # [3, C]
    return image_counts.iou(counts)

  @property
  def miou(self) -> float:
    """Mean IoU over the classes that have one."""
    return _mean(self.class_iou)

  @property
  def pixel_accuracy(self) -> float:
    return float(_ratio(self._hits.sum(), self.confusion.sum()))

  @property
  def cross_entropy(self) -> float:
    """Nats per labelled pixel, NaN where it was not measured."""
    return math.nan if self.images is None else self.images.cross_entropy

  @property
  def mean_accuracy(self) -> float:
    """Mean accuracy over the classes in the labels."""
    return _mean(self.class_accuracy)

  @property
  def frequency_weighted_iou(self) -> float:
    """IoU of each class, weighted by its share of the labelled pixels."""
    share = _ratio(self.confusion.sum(1), self.confusion.sum())
    return float(np.where(share == 0, 0, share * self.class_iou).sum())

  @property
  def constant(self) -> Constant | None:
    """The best constant prediction; None if nothing is labelled."""
    labelled = self.confusion.sum(1)
    if not labelled.any():
      return None
    share = labelled.max() / labelled.sum()
    return Constant(
      self.class_names[int(labelled.argmax())],
      float(share / np.count_nonzero(labelled)),
      float(share),
    )

  @property
  def never_predicted(self) -> tuple[str, ...]:
    """Names of the classes that are labelled and nowhere predicted."""
    is_missed = (self.confusion.sum(1) > 0) & (self.confusion.sum(0) == 0)
    return tuple(self.class_names[i] for i in np.flatnonzero(is_missed))

  @functools.cached_property
  def intervals(self) -> bootstrap.Intervals:
    """Intervals of mean IoU and IoU of classes over the choice of images."""
    if self.images is None:
      counts = np.zeros([0, 3, len(self.class_names)], np.int64)
    else:
      counts = self.images.counts[:, image_counts.PIXELS]
    return bootstrap.intervals(counts)

  @property
  def by_class(self) -> dict[str, np.ndarray]:
    """The measures of classes by name, float64 [C] each."""
    return {
      'iou': self.class_iou,
      'accuracy': self.class_accuracy,
      'precision': self.class_precision,
      'recall': self.class_accuracy,
      'f1': self.class_f1,
      'boundary_iou': self.class_boundary_iou,
    }

  def to_dict(self) -> dict[str, Any]:
    """All numbers in types that JSON knows."""
    constant = self.constant
    return {
      'num_images': self.num_images,
      'labelled_pixels': int(self.confusion.sum()),
      'ignored_pixels': self.ignored_pixels,
      'miou': _plain(self.miou),
      'cross_entropy': _plain(self.cross_entropy),
      'pixel_accuracy': _plain(self.pixel_accuracy),
      'mean_accuracy': _plain(self.mean_accuracy),
      'frequency_weighted_iou': _plain(self.frequency_weighted_iou),
      **{
        f'mean_{name}': _plain(_mean(values))
        for name, values in self.by_class.items()
        if name not in ('iou', 'accuracy')
      },
      **{
        f'class_{name}': self._by_name(values)
        for name, values in self.by_class.items()
      },
      'intervals': {
        'level': bootstrap.LEVEL,
        'resamples': bootstrap.RESAMPLES,
        'miou': [_plain(x) for x in self.intervals.miou],
        'class_iou': {
          name: [_plain(x) for x in bounds]
          for name, bounds in zip(self.class_names, self.intervals.class_iou.T)
        },
      },
      'constant_prediction': constant and dataclasses.asdict(constant),
      'never_predicted': list(self.never_predicted),
      'confusion': self.confusion.tolist(),
    }

  def to_csv(self) -> str:
    """A line for each class, in class order, and one for the means."""
    return score_table.to_csv(self)

  def __str__(self) -> str:
    """A table for people."""
    return score_table.to_text(self)

  def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
    """What IPython shows at the end of a cell."""
    printer.text('...' if cycle else str(self))

  @property
  def _hits(self) -> np.ndarray:
    return np.diagonal(self.confusion)

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
