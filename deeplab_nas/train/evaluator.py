"""Measures a network on every image of a split, once and at its own size."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
import tensorflow as tf

from deeplab_nas.data import dataset_info
from deeplab_nas.train import scores as scores_lib
from deeplab_nas.train import segmenter as segmenter_lib


def evaluate(
  segmenter: segmenter_lib.Segmenter,
  dataset: Iterable[tuple[tf.Tensor, tf.Tensor]],
  info: dataset_info.DatasetInfo,
  progress: Callable[[int], None] = lambda num_images: None,
) -> scores_lib.Scores:
  """Adds up the confusion matrices of all images.

  One matrix is kept, so memory does not grow with the number of images. It is
  of 64-bit integers: every pixel counts however many there are, which Keras'
  float32 matrix cannot do beyond 2**24 pixels.

  Args:
    segmenter: Gives the classes.
    dataset: Batches of images float32 or uint8 [B, H, W, 3] in [0, 255] and
      labels integer [B, H, W]; sizes may change from batch to batch.
    info: Class names and ignore label.
    progress: Called with the number of images so far, after each batch.
  """
  classes = tf.function(
    segmenter.classes,
    input_signature=[tf.TensorSpec([None, None, None, 3], tf.float32)],
    autograph=False,
  )
  confusion = np.zeros([info.num_classes] * 2, np.int64)
  num_images = ignored_pixels = 0
  for images, labels in dataset:
    label = np.asarray(labels)
    prediction = classes(tf.cast(images, tf.float32)).numpy()
    confusion += scores_lib.confusion_matrix(
      label, prediction, info.num_classes, info.ignore_label
    )
    num_images += len(label)
    ignored_pixels += int((label == info.ignore_label).sum())
    progress(num_images)
  return scores_lib.Scores(
    info.class_names, confusion, num_images, ignored_pixels
  )
