"""What the best constant prediction would score, beside a run's own scores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from deeplab_nas.evaluate import scores as scores_lib


def of_validation(
  model: tf.keras.Model, class_names: Sequence[str]
) -> dict[str, Any]:
  """Numbers beside `val_miou`, of the last validation.

  Args:
    model: Has the confusion matrix of it, `val_metric.total_cm`.
    class_names: In class order.

  Returns:
    'val_accuracy', 'constant_miou' and 'constant_accuracy' in 0..1, and
    'constant_class', the class of that prediction; nothing without labels.
    'missed_classes' are there if some are labelled and never predicted,
    'predicted_class' if the model predicts one class alone.
  """
  confusion = np.asarray(model.val_metric.total_cm)
  scores = scores_lib.Scores(tuple(class_names), confusion, 0, 0)
  best = scores.constant
  if best is None:
    return {}
  numbers = {
    'val_accuracy': float(np.trace(confusion) / confusion.sum()),
    'constant_miou': best.miou,
    'constant_accuracy': best.pixel_accuracy,
    'constant_class': best.name,
  }
  if scores.never_predicted:
    numbers['missed_classes'] = list(scores.never_predicted)
  predicted = np.flatnonzero(confusion.sum(0))
  if len(predicted) == 1:
    numbers['predicted_class'] = class_names[predicted[0]]
  return numbers


def sentences(numbers: Mapping[str, Any]) -> list[str]:
  """The comparison in words.

  Args:
    numbers: A line of `metrics_log`, or what `of_validation` gives.
  """
  if numbers.get('constant_miou') is None:
    return []
  sentences = [
    f'For comparison, {numbers["constant_class"]} everywhere: mIoU'
    f' {100 * numbers["constant_miou"]:.1f} %, accuracy'
    f' {100 * numbers["constant_accuracy"]:.1f} %; own accuracy'
    f' {100 * numbers["val_accuracy"]:.1f} %.'
  ]
  if 'predicted_class' in numbers:
    sentences.append(
      f'Note: {numbers["predicted_class"]} is predicted for every pixel.'
    )
  return sentences


def warned(lines: Sequence[Mapping[str, Any]]) -> list[str]:
  """What a run was warned of, as the part of a summary.

  Args:
    lines: All of `metrics_log`.
  """
  sentences = [
    f'  epoch {line.get("epoch")}: {sentence}'
    for line in lines
    for sentence in (line.get('warnings') or {}).values()
  ]
  return ['', 'Warnings of the run:', *sentences] if sentences else []
