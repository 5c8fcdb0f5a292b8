"""Dice, Tversky and Lovász: values and gradients against NumPy."""

import json
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from deeplab_nas.train import region_losses
from tests import command

RNG = np.random.default_rng(0)
LOGITS = RNG.normal(size=[2, 3, 5, 4]).astype(np.float32)
LABELS = RNG.choice([0, 1, 3], size=[2, 3, 5])  # 2 is nowhere
LABELS[0, 0] = 255
WEIGHTS = (0.5, 2.0, 9.0, 0.25)


def dice(p, g):
  return 1 - 2 * (p * g).sum() / (p.sum() + g.sum())


def tversky(p, g):
  hits = (p * g).sum()
  return 1 - hits / (hits + 0.3 * (p * ~g).sum() + 0.7 * ((1 - p) * g).sum())


def lovasz(p, g):
  """The definition: the Jaccard loss of the i worst pixels, for each i."""
  errors = np.where(g, 1 - p, p)
  wrong, before, total = np.zeros_like(g), 0.0, 0.0
  for index in np.argsort(-errors, kind='stable'):
    wrong[index] = True
    found = g ^ wrong
    jaccard = 1 - (found & g).sum() / (found | g).sum()
    total += errors[index] * (jaccard - before)
    before = jaccard
  return total


LOSSES = {
  'dice': (region_losses.Tversky(0.5, 0.5), dice),
  'tversky': (region_losses.Tversky(0.3, 0.7), tversky),
  'lovasz': (region_losses.lovasz, lovasz),
}
each = pytest.mark.parametrize('name', LOSSES)


def expected(name, logits, labels, weights=()):
  logits, labels = np.float64(logits).reshape(-1, 4), labels.ravel()
  probabilities = np.exp(logits)
  probabilities /= probabilities.sum(1, keepdims=True)
  is_valid = labels != 255
  losses, total = 0.0, 0.0
  for c in set(labels[is_valid].tolist()):
    weight = weights[c] if weights else 1
    losses += weight * LOSSES[name][1](
      probabilities[is_valid, c], labels[is_valid] == c
    )
    total += weight
  return losses / total


def computed(name, logits, labels, weights=()):
  """The loss, and its gradient by the logits."""
  loss = region_losses.RegionLoss(LOSSES[name][0], weights, 255)
  logits = tf.constant(logits)
  with tf.GradientTape() as tape:
    tape.watch(logits)
    value = loss(logits, tf.constant(labels))
  return float(value), tape.gradient(value, logits).numpy()


@each
@pytest.mark.parametrize('weights', [(), WEIGHTS])
def test_the_value_is_the_mean_over_classes_that_are_there(name, weights):
  value, _ = computed(name, LOGITS, LABELS, weights)
  assert value == pytest.approx(
    expected(name, LOGITS, LABELS, weights), rel=1e-5
  )
  assert 0.3 < value < 0.9


@each
@pytest.mark.parametrize('weights', [(), WEIGHTS])
def test_the_gradient_is_that_of_the_value(name, weights):
  _, gradient = computed(name, LOGITS, LABELS, weights)
  numerical = np.zeros(LOGITS.shape)
  for index in np.ndindex(LOGITS.shape):
    shift = np.zeros(LOGITS.shape)
    shift[index] = 1e-5
    numerical[index] = (
      expected(name, LOGITS + shift, LABELS, weights)
      - expected(name, LOGITS - shift, LABELS, weights)
    ) / 2e-5
  np.testing.assert_allclose(gradient, numerical, rtol=1e-3, atol=1e-6)
  assert np.abs(gradient).max() > 1e-3


@each
def test_ignored_pixels_have_no_gradient_at_all(name):
  _, gradient = computed(name, LOGITS, LABELS)
  assert (gradient[LABELS == 255] == 0).all()
  assert (gradient[LABELS != 255] != 0).all()


@each
def test_ignored_pixels_might_as_well_not_be_there(name):
  labels = LABELS.copy()
  labels[:, 0] = 255
  value, gradient = computed(name, LOGITS, labels)
  logits = LOGITS.copy()
  logits[:, 0] = 50
  changed, of_changed = computed(name, logits, labels)
  assert changed == value
  np.testing.assert_array_equal(of_changed, gradient)
  cut, of_cut = computed(name, LOGITS[:, 1:], labels[:, 1:])
  assert cut == pytest.approx(value, rel=1e-6)
  np.testing.assert_allclose(of_cut, gradient[:, 1:], rtol=1e-5, atol=1e-9)


@each
@pytest.mark.parametrize('weights', [(), WEIGHTS, (0, 0, 1, 0)])
def test_nothing_to_learn_from_is_finite(name, weights):
  labels = np.full_like(LABELS, 255) if weights != (0, 0, 1, 0) else LABELS
  value, gradient = computed(name, LOGITS, labels, weights)
  assert value == 0 and (gradient == 0).all()


@each
def test_right_is_0_and_wrong_is_1(name):
  labels = np.where(LABELS == 255, 0, LABELS)
  right = 200 * np.eye(4, dtype=np.float32)[labels]
  for logits, loss in ((right, 0), (-right, 1)):
    value, gradient = computed(name, logits, labels)
    assert value == pytest.approx(loss, abs=1e-6)
    assert np.isfinite(gradient).all()


def test_lovasz_is_the_jaccard_loss_where_predictions_are_sure():
  guess = RNG.integers(4, size=LABELS.shape)
  value, _ = computed('lovasz', 99 * np.eye(4, dtype='f')[guess], LABELS)
  valid, losses = LABELS != 255, []
  for c in (0, 1, 3):
    a, b = (guess == c) & valid, np.equal(LABELS, c)
    losses.append(1 - (a & b).sum() / (a | b).sum())
  assert value == pytest.approx(np.mean(losses), abs=1e-6)


def test_lovasz_is_exact_in_batches_of_a_million_pixels():
  labels = RNG.integers(2, size=[1, 1024, 1024])
  logits = np.stack([0 * labels, 1.0 * labels], -1).astype(np.float32)
  value, _ = computed('lovasz', logits, labels)
  n0, n1 = (labels == 0).sum(), (labels == 1).sum()
  p = 1 / (1 + np.exp(-1.0))  # of class 1 where it is right; 1/2 elsewhere
  # Of class 1: n0 errors of 1/2, then n1 of 1 - p. Of class 0: the same n0 of
  # 1/2, then n1 of 1 - p.
  class_1 = 0.5 * n0 / (n0 + n1) + (1 - p) * n1 / (n0 + n1)
  class_0 = 0.5 * 1 + (1 - p) * 0
  assert value == pytest.approx((class_0 + class_1) / 2, rel=1e-4)


_TWO_REPLICAS = """
import json, sys
import numpy as np
import tensorflow as tf
cpu, = tf.config.list_physical_devices('CPU')
part = tf.config.LogicalDeviceConfiguration()
tf.config.set_logical_device_configuration(cpu, [part, part])
from deeplab_nas.config import config
from deeplab_nas.train import losses
from tests.train import region_losses_test as data
strategy = tf.distribute.MirroredStrategy(['CPU:0', 'CPU:1'])

def step(loss, logits, labels):
  with tf.GradientTape() as tape:
    tape.watch(logits)
    value = loss(logits, labels)
  return value, tape.gradient(value, logits)

result = {}
for name in json.loads(sys.argv[1]):
  settings = config.TrainConfig(loss=name)
  loss = losses.build(settings, data.WEIGHTS, 255, lambda: 0)
  logits, labels = tf.constant(data.LOGITS), tf.constant(data.LABELS)
  whole, of_whole = step(loss, logits, labels)

  def half(context, x):
    index = context.replica_id_in_sync_group
    return x[index : index + 1]

  values = [
    strategy.experimental_distribute_values_from_function(
      lambda context: half(context, x)
    )
    for x in (logits, labels)
  ]
  parts = strategy.run(tf.function(lambda *x: step(loss, *x)), args=values)
  shares, gradients = map(strategy.experimental_local_results, parts)
  # As in a training: each replica's gradient of all that it is part of.
  result[name] = [
    float(whole), float(sum(shares)),
    float(np.abs(of_whole - np.concatenate(gradients)).max()),
    float(np.abs(of_whole).max()),
  ]
print(json.dumps(result))
"""


@pytest.mark.slow
def test_two_devices_have_the_loss_and_the_gradient_of_one():
  names = [*LOSSES, 'focal', 'cross_entropy+dice']
  done = subprocess.run(
    [sys.executable, '-c', _TWO_REPLICAS, json.dumps(names)],
    capture_output=True,
    text=True,
    cwd=command.ROOT,
  )
  assert done.returncode == 0, done.stderr
  result = json.loads(done.stdout.splitlines()[-1])
  assert list(result) == names
  for whole, total, difference, largest in result.values():
    assert total == pytest.approx(whole, rel=1e-5)
    assert difference < 1e-6 < 1e-3 < largest
