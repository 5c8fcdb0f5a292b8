"""Measures a network on every image of a split, once and at its own size."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import numpy as np
import tensorflow as tf

from deeplab_nas.data import dataset_info
from deeplab_nas.evaluate import scores as scores_lib
from deeplab_nas.evaluate import segmenter as segmenter_lib
from deeplab_nas.run import devices


def evaluate(
  segmenter: segmenter_lib.Segmenter,
  dataset: Iterable[tuple[tf.Tensor, tf.Tensor]],
  info: dataset_info.DatasetInfo,
  progress: Callable[[int], None] = lambda num_images: None,
  strategy: tf.distribute.Strategy | None = None,
) -> scores_lib.Scores:
  """Adds up the confusion matrices of all images.

  One matrix is kept, so memory does not grow with the number of images. It is
  of 64-bit integers: every pixel counts however many there are, which Keras'
  float32 matrix cannot do beyond 2**24 pixels.

  Args:
    segmenter: Gives the classes; with several replicas, made in their scope.
    dataset: Batches of images float32 or uint8 [B, H, W, 3] in [0, 255] and
      labels integer [B, H, W]; sizes may change from batch to batch. With
      several replicas a `tf.data.Dataset`, whose batches they divide.
    info: Class names and ignore label.
    progress: Called with the number of images so far, after each batch.
    strategy: Of the replicas; None for one device.
  """
  strategy = strategy or tf.distribute.get_strategy()
  if strategy.num_replicas_in_sync == 1:
    results = _one_by_one(segmenter, dataset)
  else:
    results = _side_by_side(segmenter, dataset, info.ignore_label, strategy)
  confusion = np.zeros([info.num_classes] * 2, np.int64)
  num_images = ignored_pixels = 0
  for label, prediction in results:
    confusion += scores_lib.confusion_matrix(
      label, prediction, info.num_classes, info.ignore_label
    )
    num_images += len(label)
    ignored_pixels += int((label == info.ignore_label).sum())
    progress(num_images)
  counts = np.array([num_images, ignored_pixels, *confusion.flat], np.int64)
  counts = devices.sum_of_workers(strategy, counts)
  return scores_lib.Scores(
    info.class_names,
    counts[2:].reshape(confusion.shape),
    *map(int, counts[:2]),
  )


def _one_by_one(segmenter, dataset) -> Iterator[tuple[np.ndarray, np.ndarray]]:
  """Labels and predictions, [B, H, W] each."""
  classes = tf.function(
    segmenter.classes,
    input_signature=[tf.TensorSpec([None, None, None, 3], tf.float32)],
    autograph=False,
  )
  for images, labels in dataset:
    yield np.asarray(labels), classes(tf.cast(images, tf.float32)).numpy()


def _side_by_side(
  segmenter, dataset: tf.data.Dataset, ignore_label: int, strategy
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
  """The same, of batches that the replicas of this worker get in turn."""
  count = strategy.num_replicas_in_sync
  # What fills the last round does not count.
  filler = tf.data.Dataset.from_tensors(
    (tf.zeros([1, 1, 1, 3]), tf.fill([1, 1, 1], ignore_label), False)
  )
  rounds = (
    dataset.map(
      lambda images, labels: (
        tf.cast(images, tf.float32),
        tf.cast(labels, tf.int32),
        True,
      )
    )
    .concatenate(filler.repeat(count - 1))
    .window(count, drop_remainder=True)
    .flat_map(lambda *parts: tf.data.Dataset.zip(parts))
  )
  iterator = iter(
    strategy.distribute_datasets_from_function(
      lambda context: rounds.shard(
        context.num_input_pipelines, context.input_pipeline_id
      )
    )
  )

  classes = tf.autograph.experimental.do_not_convert(segmenter.classes)

  @tf.function
  def step(iterator):
    images, labels, counts = next(iterator)
    return labels, strategy.run(classes, [images]), counts

  while True:
    try:
      found = map(strategy.experimental_local_results, step(iterator))
    except tf.errors.OutOfRangeError:
      return
    for label, prediction, counts in zip(*found):
      if counts:
        yield label.numpy(), prediction.numpy()
