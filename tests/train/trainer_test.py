"""One step by hand, and that steps lead somewhere."""

import numpy as np
import pytest
import tensorflow as tf

from deeplab_nas.config import config as config_lib
from deeplab_nas.space import genotype
from deeplab_nas.train import build as network_builder
from deeplab_nas.train import trainer
from tests.train import tiny_training


def values(variables):
  return [np.array(variable) for variable in variables]


def test_a_step_is_sgd_with_decay_momentum_and_double_bias():
  model = tiny_training.trainer(
    total_steps=8,
    learning_rate=0.1,
    momentum=0.5,
    weight_decay=0.01,
  )
  network = model.network
  variables = {
    'depthwise': network.aspp.layers[0].depthwise_kernel,
    'kernel': network.hidden.kernel,
    'gamma': network.norm.gamma,
    'bias': network.logits.bias,
  }
  velocity = dict.fromkeys(variables, 0.0)
  for step in range(3):
    images, labels = tiny_training.batch(step)
    with tf.GradientTape() as tape:
      logits = network(images, training=True)
      loss = tf.reduce_mean(
        tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
      )
    gradients = tape.gradient(loss, variables)
    before = {name: np.array(value) for name, value in variables.items()}
    gradients['kernel'] += 0.01 * before['kernel']
    gradients['bias'] *= 2
    rate = 0.1 * (1 - step / 8) ** 0.9
    logs = model.train_step((images, labels))
    assert float(logs['learning_rate']) == pytest.approx(rate)
    assert float(network.drop_path_progress) == pytest.approx(step / 8)
    for name, variable in variables.items():
      velocity[name] = 0.5 * velocity[name] - rate * gradients[name]
      np.testing.assert_allclose(
        variable, before[name] + velocity[name], rtol=1e-4, atol=1e-6
      )


def test_it_learns_a_few_crops_by_heart():
  model = tiny_training.trainer(
    total_steps=80, learning_rate=0.2, weight_decay=0.0
  )
  val = tiny_training.batches(2).take(2)
  before = model.evaluate(val, verbose=0, return_dict=True)
  model.fit(tiny_training.batches(2), steps_per_epoch=80, verbose=0)
  after = model.evaluate(val, verbose=0, return_dict=True)
  assert before['miou'] < 0.6
  assert after['miou'] > 0.95
  assert after['loss'] < before['loss'] / 3


@pytest.mark.slow
def test_a_real_network_learns_a_few_crops_by_heart():
  network = network_builder.build(
    config_lib.NetworkConfig(**tiny_training.NETWORK),
    tiny_training.GENOTYPE,
    tiny_training.NUM_CLASSES,
  )
  model = tiny_training.trainer(
    total_steps=150, network=network, learning_rate=0.05
  )
  rng = np.random.default_rng(0)
  labels = rng.integers(3, size=[2, 3, 3]).repeat(11, 1).repeat(11, 2)
  images = (60 + 90 * labels[..., np.newaxis] + np.zeros(3)).astype(np.float32)
  val = tf.data.Dataset.from_tensors((images, labels.astype(np.int32)))
  model.fit(val.repeat(), steps_per_epoch=150, verbose=0)
  assert model.evaluate(val, verbose=0, return_dict=True)['miou'] > 0.8


def test_a_cell_may_leave_an_input_unread():
  term = ('prev', 'skip_connect')
  network = network_builder.build(
    config_lib.NetworkConfig(**tiny_training.NETWORK),
    genotype.Genotype((0, 1), ((term, term),)),
    tiny_training.NUM_CLASSES,
  )
  model = tiny_training.trainer(network=network, total_steps=2)
  assert np.isfinite(model.train_step(tiny_training.batch())['loss'])


def test_the_validation_loss_counts_every_labelled_pixel_once():
  model = tiny_training.trainer(label_smoothing=0.3, ohem_fraction=0.2)
  few, many = tiny_training.batch(0, ignored=14), tiny_training.batch(1)
  dataset = tf.data.Dataset.from_generator(
    lambda: iter([few, many]),
    output_signature=(
      tf.TensorSpec([2, None, None, 3]),
      tf.TensorSpec([2, None, None], tf.int32),
    ),
  )
  loss = model.evaluate(dataset, verbose=0, return_dict=True)['loss']
  losses = []
  for images, labels in (few, many):
    log_probs = np.array(tf.nn.log_softmax(model.network(images)))
    labels = np.array(labels)
    for index in zip(*np.nonzero(labels != 255)):
      losses.append(-log_probs[index][labels[index]])
  assert len(losses) < 2 * labels.size
  assert loss == pytest.approx(np.mean(losses), rel=1e-4)


def test_frozen_batch_norm_keeps_everything_and_normalises_with_it():
  network = tiny_training.Pixelwise()
  network.norm.moving_mean.assign(np.full(8, 0.3))
  network.norm.gamma.assign(np.full(8, 0.7))
  model = tiny_training.trainer(network=network, batch_norm='freeze')
  before = values(network.norm.weights)
  kernel = np.array(network.hidden.kernel)
  images, labels = tiny_training.batch()
  np.testing.assert_allclose(
    network(images, training=True), network(images), rtol=1e-5
  )
  model.train_step((images, labels))
  for old, new in zip(before, network.norm.weights):
    np.testing.assert_array_equal(old, new)
  assert np.any(kernel != network.hidden.kernel)


def test_the_average_is_validated_and_the_weights_come_back():
  model = tiny_training.trainer(ema_decay=0.75, learning_rate=0.5)
  kernel = model.network.hidden.kernel
  average = np.array(kernel)
  for step in range(3):
    model.train_step(tiny_training.batch(step))
    average = 0.75 * average + 0.25 * np.array(kernel)
  raw = values(model.network.trainable_variables)
  with model.averaged():
    np.testing.assert_allclose(kernel, average, rtol=1e-5, atol=1e-7)
    expected = np.array(model.network(tiny_training.batch()[0]))
  assert np.any(np.abs(kernel - average) > 1e-4)
  val = tiny_training.batches().take(1)
  logs = model.evaluate(val, verbose=0, return_dict=True)
  for old, new in zip(raw, model.network.trainable_variables):
    np.testing.assert_array_equal(old, new)  # to the last bit
  images, labels = tiny_training.batch()
  np.testing.assert_allclose(model.predict_logits(images), expected)
  hits = expected.argmax(-1) == np.array(labels)
  metric = tf.keras.metrics.MeanIoU(3)
  metric.update_state(labels, expected.argmax(-1))
  assert logs['miou'] == pytest.approx(float(metric.result()), rel=1e-5)
  assert 0 < hits.mean() < 1


@pytest.mark.parametrize('policy', ['mixed_bfloat16', 'mixed_float16'])
def test_mixed_precision_learns_with_weights_in_float32(policy):
  tf.keras.mixed_precision.set_global_policy(policy)
  try:
    network = tiny_training.Pixelwise()
  finally:
    tf.keras.mixed_precision.set_global_policy('float32')
  model = tiny_training.trainer(
    network=network, precision=policy, learning_rate=0.2, total_steps=20
  )
  assert network.hidden.compute_dtype == policy.split('_')[1]
  logs = [
    model.evaluate(tiny_training.batches().take(1), verbose=0, return_dict=True)
  ]
  for _ in range(20):
    model.train_step(tiny_training.batch())
  logs.append(
    model.evaluate(tiny_training.batches().take(1), verbose=0, return_dict=True)
  )
  assert logs[1]['loss'] < logs[0]['loss'] / 2
  assert {v.dtype for v in network.trainable_variables} == {tf.float32}


@tf.custom_gradient
def no_gradient(x):
  """Itself, with a gradient that is not finite."""
  return tf.identity(x), lambda dy: dy * float('nan')


class Unlearnable(tiny_training.Pixelwise):
  """Has a loss, but no gradient."""

  def call(self, images, training=False):
    return no_gradient(super().call(images, training))


def test_of_float16_only_what_no_scale_mends_is_a_bad_step():
  model = tiny_training.trainer(
    network=Unlearnable(),
    precision='mixed_float16',
    weight_decay=0.0,
    total_steps=20,
  )
  before = [v.numpy() for v in model.network.trainable_variables]
  scales, bad = [], []
  for _ in range(18):
    scales.append(float(model.optimizer.loss_scale))
    bad.append(int(model.train_step(tiny_training.batch())['skipped_steps']))
  assert scales[0] == 2**15 and scales[15:] == [1, 1, 1]
  assert bad == 15 * [0] + [1, 2, 3]
  for variable, value in zip(model.network.trainable_variables, before):
    np.testing.assert_array_equal(variable, value)


def test_freezing_finds_every_batch_norm():
  network = network_builder.build(
    config_lib.NetworkConfig(**tiny_training.NETWORK),
    tiny_training.GENOTYPE,
    tiny_training.NUM_CLASSES,
  )
  trainer.freeze_batch_norm(network)
  assert not any(
    name in variable.name
    for variable in network.trainable_variables
    for name in ('gamma', 'beta', 'moving')
  )
