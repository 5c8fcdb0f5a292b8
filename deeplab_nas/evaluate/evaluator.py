"""Measures a network on every image of a split, once and at its own size."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np
import tensorflow as tf

from deeplab_nas.data import dataset_info
from deeplab_nas.evaluate import image_counts
from deeplab_nas.evaluate import scores as scores_lib
from deeplab_nas.evaluate import segmenter as segmenter_lib
from deeplab_nas.run import devices

_FILLER = np.int64(-1)


def evaluate(
  segmenter: segmenter_lib.Segmenter,
  dataset: Iterable[tuple[tf.Tensor, tf.Tensor]],
  info: dataset_info.DatasetInfo,
  progress: Callable[[int], None] = lambda num_images: None,
  strategy: tf.distribute.Strategy | None = None,
  names: Sequence[str] | None = None,
) -> scores_lib.Scores:
  """Adds up the confusion matrices of all images, and counts in each.

  One matrix is kept, and six numbers an image for each class. They are 64-bit
  integers: every pixel counts however many there are, which Keras' float32
  matrix cannot do beyond 2**24 pixels.

  Args:
    segmenter: Gives the classes; with several replicas, made in their scope.
    dataset: Batches of images float32 or uint8 [B, H, W, 3] in [0, 255] and
      labels integer [B, H, W]; sizes may change from batch to batch. With
      several replicas a `tf.data.Dataset`, whose images they divide.
    info: Class names and ignore label.
    progress: Called with the number of images so far, after each batch.
    strategy: Of the replicas; None for one device.
    names: Of the images, in the order of the dataset; None for numbers.
  """
  strategy = strategy or tf.distribute.get_strategy()
  if strategy.num_replicas_in_sync == 1:
    results = _one_by_one(segmenter, dataset)
  else:
    results = _side_by_side(segmenter, dataset, info.ignore_label, strategy)
  confusion = np.zeros([info.num_classes] * 2, np.int64)
  ignored_pixels, of_images = 0, {}
  for first, labels, predictions in results:
    ignored_pixels += int((labels == info.ignore_label).sum())
    for i, pair in enumerate(zip(labels, predictions), first):
      of_image = scores_lib.confusion_matrix(
        *pair, info.num_classes, info.ignore_label
      )
      confusion += of_image
      of_images[i] = image_counts.count(*pair, of_image, info.ignore_label)
    progress(len(of_images))
  counts = np.array([len(of_images), ignored_pixels, *confusion.flat], np.int64)
  counts = devices.sum_of_workers(strategy, counts)
  num_images = int(counts[0])
  return scores_lib.Scores(
    info.class_names,
    counts[2:].reshape(confusion.shape),
    num_images,
    int(counts[1]),
    image_counts.ImageCounts(
      tuple(names or map(str, range(1, num_images + 1))),
      _of_all(of_images, num_images, info.num_classes, strategy),
    ),
  )


def _of_all(of_images, num_images, num_classes, strategy) -> np.ndarray:
  """The counts of all workers' images in order, int64 [N, 2, 3, C]."""
  counts = np.zeros([num_images, 2, 3, num_classes], np.int64)
  for i, values in of_images.items():
    counts[i] = values
  return devices.sum_of_workers(strategy, counts)


def _one_by_one(
  segmenter, dataset
) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
  """The number of the first image; labels and predictions, [B, H, W] each."""
  classes = tf.function(
    segmenter.classes,
    input_signature=[tf.TensorSpec([None, None, None, 3], tf.float32)],
    autograph=False,
  )
  first = 0
  for images, labels in dataset:
    predictions = classes(tf.cast(images, tf.float32)).numpy()
    yield first, np.asarray(labels), predictions
    first += len(predictions)


def _side_by_side(
  segmenter, dataset: tf.data.Dataset, ignore_label: int, strategy
) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
  """The same, of single images that the replicas of this worker get in turn."""
  count = strategy.num_replicas_in_sync
  # What fills the last round does not count.
  filler = tf.data.Dataset.from_tensors(
    (tf.zeros([1, 1, 1, 3]), tf.fill([1, 1, 1], ignore_label), _FILLER)
  )
  rounds = (
    dataset.unbatch()
    .batch(1)
    .enumerate()
    .map(
      lambda index, pair: (
        tf.cast(pair[0], tf.float32),
        tf.cast(pair[1], tf.int32),
        index,
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
    images, labels, index = next(iterator)
    return index, labels, strategy.run(classes, [images])

  while True:
    try:
      found = map(strategy.experimental_local_results, step(iterator))
    except tf.errors.OutOfRangeError:
      return
    for index, label, prediction in zip(*found):
      if index != _FILLER:
        yield int(index), label.numpy(), prediction.numpy()
