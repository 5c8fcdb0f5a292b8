"""From images to classes, at one scale or several."""

import numpy as np
import pytest
import tensorflow as tf

import deeplab_nas
from deeplab_nas.evaluate import segmenter as segmenter_lib
from deeplab_nas.space import Genotype

NUM_CLASSES = 4


class Lopsided:
  """Logits from a pixel and its neighbours; knows left from right.

  Attributes:
    seen: The images that it was given, in order.
  """

  def __init__(self):
    rng = np.random.default_rng(0)
    kernel = rng.normal(0, 1 / 100, [3, 3, 3, NUM_CLASSES])
    self.kernel = tf.constant(kernel, tf.float32)
    self.seen = []

  def __call__(self, images, training):
    assert training is False and images.dtype == tf.float32
    self.seen.append(images)
    return tf.nn.conv2d(images, self.kernel, 1, 'SAME')


def images(height=9, width=7, batch=2):
  values = np.random.default_rng(1).integers(
    256, size=[batch, height, width, 3]
  )
  return tf.constant(values, tf.uint8)


def build(**settings):
  return segmenter_lib.Segmenter(Lopsided(), **settings)


def softmax(logits):
  exponentials = np.exp(np.asarray(logits, np.float64))
  return exponentials / exponentials.sum(-1, keepdims=True)


def at_scale(x, height, width):
  """Probabilities of images that were resized, and back."""
  x = tf.cast(x, tf.float32)
  size = x.shape[1:3]
  resized = np.rint(tf.image.resize(x, [height, width], antialias=True))
  logits = Lopsided()(tf.constant(resized), training=False)
  return softmax(tf.image.resize(logits, size))


def mirrored(x):
  return x[:, :, ::-1]


SETTINGS = pytest.mark.parametrize(
  'settings',
  [
    {},
    {'flip': True},
    {'image_scale': 0.5},
    {'scales': (0.5, 1.0, 1.75)},
    {'image_scale': 0.75, 'scales': (1.0, 2.0), 'flip': True},
  ],
  ids=str,
)


@SETTINGS
def test_probabilities_add_up_to_1_and_classes_are_the_largest(settings):
  segmenter = build(**settings)
  probabilities = segmenter.probabilities(images())
  assert probabilities.dtype == tf.float32
  assert probabilities.shape == (2, 9, 7, NUM_CLASSES)
  np.testing.assert_allclose(np.sum(probabilities, -1), 1, rtol=1e-5)
  classes = segmenter.classes(images())
  assert classes.dtype == tf.uint8
  np.testing.assert_array_equal(classes, np.argmax(probabilities, -1))
  assert len(np.unique(classes)) > 2


@SETTINGS
def test_bytes_and_floats_are_the_same_images(settings):
  segmenter = build(**settings)
  np.testing.assert_array_equal(
    segmenter.probabilities(images()),
    segmenter.probabilities(tf.cast(images(), tf.float32)),
  )


@SETTINGS
def test_flipping_makes_no_difference_of_left_and_right(settings):
  def difference(flip):
    segmenter = build(**{**settings, 'flip': flip})
    result = segmenter.probabilities(images())
    of_mirrored = segmenter.probabilities(mirrored(images()))
    return np.abs(mirrored(of_mirrored) - result).max()

  assert difference(flip=True) < 1e-5
  assert difference(flip=False) > 0.1


def test_by_default_it_is_the_softmax_of_the_network():
  segmenter = build()
  actual = segmenter.probabilities(images())
  (seen,) = segmenter.network.seen
  np.testing.assert_array_equal(seen, images())
  expected = softmax(Lopsided()(tf.cast(images(), tf.float32), training=False))
  np.testing.assert_allclose(actual, expected, rtol=1e-4, atol=1e-6)


def test_probabilities_are_the_mean_over_scales_and_mirrors():
  actual = build(scales=(0.5, 1.0, 1.5), flip=True).probabilities(images())
  # 9 x 7 by 0.5 and 1.5: halves are rounded to the even number.
  sizes = [(4, 4), (9, 7), (14, 10)]
  results = [at_scale(images(), *size) for size in sizes]
  results += [mirrored(at_scale(mirrored(images()), *size)) for size in sizes]
  np.testing.assert_allclose(
    actual, np.mean(results, axis=0), rtol=1e-4, atol=1e-6
  )


@pytest.mark.parametrize(
  'scale, size', [(0.5, (4, 4)), (2.0, (18, 14)), (0.01, (1, 1))]
)
def test_the_result_has_the_size_of_the_image_whatever_its_scale(scale, size):
  segmenter = build(image_scale=scale)
  actual = segmenter.probabilities(images())
  (seen,) = segmenter.network.seen
  assert seen.shape == (2, *size, 3)
  assert actual.shape == (2, 9, 7, NUM_CLASSES)
  expected = at_scale(images(), *size)
  np.testing.assert_allclose(actual, expected, rtol=1e-4, atol=1e-6)


def test_scales_are_relative_to_that_of_the_images():
  segmenter = build(image_scale=0.5, scales=(1.0, 2.0, 4.0))
  segmenter.probabilities(images(8, 6))
  sizes = [tuple(x.shape[1:3]) for x in segmenter.network.seen]
  assert sizes == [(4, 3), (8, 6), (16, 12)]
  np.testing.assert_array_equal(segmenter.network.seen[1], images(8, 6))


def test_resized_images_are_whole_numbers_and_averages_where_they_shrink():
  segmenter = build(image_scale=0.25)
  checkers = 200 * (np.indices([16, 16]).sum(0) % 2)
  checkers = np.repeat(checkers[np.newaxis, ..., np.newaxis], 3, -1)
  segmenter.probabilities(tf.constant(checkers, tf.uint8))
  (seen,) = segmenter.network.seen
  assert seen.shape == (1, 4, 4, 3)
  np.testing.assert_array_equal(seen, np.rint(seen))
  np.testing.assert_allclose(seen[:, 1:3, 1:3], 100, atol=1)


@pytest.fixture(scope='module')
def network():
  """A real one; it pads images to 4 k + 1."""
  genotype = Genotype(
    (0,), ((('prev', 'skip_connect'), ('prev_prev', 'max_pool_3x3')),)
  )
  return deeplab_nas.build_network(genotype, 1, NUM_CLASSES, aspp_rates=(1,))


@pytest.mark.parametrize(
  'settings',
  [{}, {'image_scale': 0.5, 'scales': (1.0, 2.0), 'flip': True}],
  ids=['one scale', 'two scales and flips'],
)
def test_one_trace_serves_all_sizes(network, settings):
  segmenter = segmenter_lib.Segmenter(network, **settings)
  traces = []

  @tf.function(input_signature=[tf.TensorSpec([None, None, None, 3], tf.uint8)])
  def probabilities(images):
    traces.append(images.shape)
    return segmenter.probabilities(images)

  for size in ((1, 1), (9, 7), (12, 33)):
    for batch in (1, 2):
      x = images(*size, batch)
      actual = probabilities(x)
      assert actual.shape == (batch, *size, NUM_CLASSES)
      np.testing.assert_allclose(
        actual, segmenter.probabilities(x), rtol=1e-3, atol=1e-5
      )
  assert len(traces) == 1


def test_its_variables_are_those_of_the_network(network):
  segmenter = segmenter_lib.Segmenter(network)
  assert {v.ref() for v in segmenter.variables} == {
    v.ref() for v in network.variables
  }


def test_more_classes_than_a_byte_tells_apart_are_refused():
  def network(images, training):
    return tf.zeros([*images.shape[:3], 257])

  with pytest.raises(ValueError, match='the network has 257 classes'):
    segmenter_lib.Segmenter(network).classes(tf.zeros([1, 2, 2, 3]))


def test_improbable_labels_cost_nats_and_ignored_ones_none():
  segmenter = build(scales=(1.0, 0.5), flip=True)
  labels = np.random.default_rng(2).integers(NUM_CLASSES, size=[2, 9, 7])
  labels[1, :5] = 255
  classes, nats = segmenter.classes_and_nats(images(), labels, 255)
  np.testing.assert_array_equal(classes, segmenter.classes(images()))
  probabilities = np.asarray(segmenter.probabilities(images()), np.float64)
  expected = [
    -sum(
      np.log(probabilities[i, y, x, labels[i, y, x]])
      for y in range(9)
      for x in range(7)
      if labels[i, y, x] != 255
    )
    for i in range(2)
  ]
  np.testing.assert_allclose(nats, expected, rtol=1e-5)


def test_a_label_of_probability_0_costs_finitely_many():
  def certain(images, training):
    return tf.one_hot(tf.ones_like(images[..., 0], tf.int32), 3) * 500

  segmenter = segmenter_lib.Segmenter(certain)
  _, nats = segmenter.classes_and_nats(
    images(1, 2, 1), np.array([[[0, 1]]], np.int32), 255
  )
  np.testing.assert_allclose(nats, [-np.log(1.2e-38)], rtol=1e-6)
