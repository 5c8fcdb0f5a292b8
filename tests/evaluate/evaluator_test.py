"""Every image counts once, at its own size, as NumPy counts it."""

import numpy as np
import tensorflow as tf

from deeplab_nas.data import dataset_info
from deeplab_nas.evaluate import evaluator, image_counts, scores, segmenter
from deeplab_nas.nn.network import network
from tests.train import tiny_training

INFO = dataset_info.DatasetInfo('tiny', ('a', 'b', 'c'), ((0, 0, 0),) * 3)
SIZES = [(17, 33), (1, 1), (40, 21)]


def examples():
  rng = np.random.default_rng(0)
  for size in SIZES:
    image = rng.uniform(0, 255, [1, *size, 3]).astype(np.float32)
    label = rng.choice([0, 1, 2, 255], [1, *size]).astype(np.int32)
    yield image, label


def test_it_agrees_with_an_independent_count():
  model = network.build_network(tiny_training.GENOTYPE, 1, 3, aspp_rates=(1,))
  kernel, bias = model.logits.weights
  kernel.assign(np.random.default_rng(1).normal(size=kernel.shape))
  seen = []
  result = evaluator.evaluate(
    segmenter.Segmenter(model), examples(), INFO, seen.append
  )
  expected = np.zeros([3, 3], np.int64)
  for image, label in examples():
    best = np.asarray(model(image)).argmax(-1)
    for true in range(3):
      for found in range(3):
        expected[true, found] += ((label == true) & (best == found)).sum()
  np.testing.assert_array_equal(result.confusion, expected)
  assert np.count_nonzero(expected.sum(0)) > 1
  assert seen == [1, 2, 3] and result.num_images == 3
  total = sum(height * width for height, width in SIZES)
  assert result.confusion.sum() + result.ignored_pixels == total
  assert result.class_names == INFO.class_names
  assert result.images.names == ('1', '2', '3')
  for (image, label), counts in zip(examples(), result.images.counts):
    best = np.asarray(model(image)).argmax(-1)
    confusion = scores.confusion_matrix(label, best, 3, 255)
    alone = image_counts.count(label[0], best[0], confusion, 255)
    np.testing.assert_array_equal(counts, alone)
  for (image, label), nats in zip(examples(), result.images.nats):
    logits = np.asarray(model(image), np.float64)
    log_sums = np.log(np.exp(logits).sum(-1))
    chosen = np.take_along_axis(logits, (label % 255)[..., None], -1)[..., 0]
    expected_nats = (log_sums - chosen)[label != 255].sum()
    np.testing.assert_allclose(nats, expected_nats, rtol=1e-5, atol=1e-5)
  np.testing.assert_allclose(
    result.cross_entropy, result.images.nats.sum() / result.confusion.sum()
  )
  assert result.cross_entropy > 0.5
  summed = result.images.counts[:, image_counts.PIXELS].sum(0)
  np.testing.assert_array_equal(summed[0], np.diagonal(expected))
  np.testing.assert_array_equal(summed[1:], [expected.sum(1), expected.sum(0)])


def test_more_pixels_than_a_float_can_count():
  class Constant(tf.Module):
    def classes_and_nats(self, images, labels, ignore_label):
      nats = tf.fill(tf.shape(images)[:1], tf.constant(0.25, tf.float64))
      return tf.zeros(tf.shape(images)[:3], tf.uint8), nats

  size = [1, 4096, 4097]
  batch = (np.zeros([*size, 3], np.uint8), np.zeros(size, np.int32))
  result = evaluator.evaluate(Constant(), [batch], INFO)
  assert result.confusion[0, 0] == 4096 * 4097 > 2**24
