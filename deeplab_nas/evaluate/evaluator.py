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
# Cross-entropies are summed in integers, so that workers add up exactly.
_NATS_UNIT = 1e-6


def evaluate(
  segmenter: segmenter_lib.Segmenter,
  dataset: Iterable[tuple[tf.Tensor, tf.Tensor]],
  info: dataset_info.DatasetInfo,
  progress: Callable[[int], None] = lambda num_images: None,
  strategy: tf.distribute.Strategy | None = None,
  names: Sequence[str] | None = None,
) -> scores_lib.Scores:
  """Adds up the confusion matrices of all images, and counts in each.

  One matrix is kept, six numbers an image for each class, and its
  cross-entropy. They are 64-bit integers: every pixel counts however many there
  are, which Keras' float32 matrix cannot do beyond 2**24 pixels.

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
    results = _one_by_one(segmenter, dataset, info.ignore_label)
  else:
    results = _side_by_side(segmenter, dataset, info.ignore_label, strategy)
  confusion = np.zeros([info.num_classes] * 2, np.int64)
  ignored_pixels, of_images, nats = 0, {}, {}
  for first, labels, predictions, nats_of_batch in results:
    ignored_pixels += int((labels == info.ignore_label).sum())
    nats.update(enumerate(nats_of_batch, first))
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
      _of_all(of_images, [num_images, 2, 3, info.num_classes], strategy),
      _of_all(_in_units(nats), [num_images], strategy) * _NATS_UNIT,
    ),
  )


def _of_all(of_images, shape, strategy) -> np.ndarray:
  """The whole numbers of all workers' images in order, int64 [N, ...]."""
  counts = np.zeros(shape, np.int64)
  for i, values in of_images.items():
    counts[i] = values
  return devices.sum_of_workers(strategy, counts)


def _in_units(nats: dict[int, float]) -> dict[int, int]:
  return {i: round(float(value) / _NATS_UNIT) for i, value in nats.items()}


# The number of the first image; labels and predictions, [B, H, W] each; and
# the cross-entropy of each image, summed over its pixels, [B].
_Result = tuple[int, np.ndarray, np.ndarray, np.ndarray]


def _one_by_one(segmenter, dataset, ignore_label: int) -> Iterator[_Result]:
  """Of each batch."""
  measure = tf.function(
    lambda images, labels: segmenter.classes_and_nats(
      images, labels, ignore_label
    ),
    input_signature=[
      tf.TensorSpec([None, None, None, 3], tf.float32),
      tf.TensorSpec([None, None, None], tf.int32),
    ],
    autograph=False,
  )
  first = 0
  for images, labels in dataset:
    predictions, nats = measure(
      tf.cast(images, tf.float32), tf.cast(labels, tf.int32)
    )
    yield first, np.asarray(labels), predictions.numpy(), nats.numpy()
    first += len(predictions)


def _side_by_side(
  segmenter, dataset: tf.data.Dataset, ignore_label: int, strategy
) -> Iterator[_Result]:
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

  @tf.autograph.experimental.do_not_convert
  def measure(images, labels):
    return segmenter.classes_and_nats(images, labels, ignore_label)

  @tf.function
  def step(iterator):
    images, labels, index = next(iterator)
    return index, labels, *strategy.run(measure, [images, labels])

  while True:
    try:
      found = map(strategy.experimental_local_results, step(iterator))
    except tf.errors.OutOfRangeError:
      return
    for index, *of_image in zip(*found):
      if index != _FILLER:
        yield int(index), *(tensor.numpy() for tensor in of_image)
