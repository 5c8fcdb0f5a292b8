"""Moving statistics that are those of the weights as they are."""

import numpy as np
import pytest
import tensorflow as tf

from deeplab_nas import errors
from deeplab_nas.config import config as config_lib
from deeplab_nas.data import dataset_info
from deeplab_nas.train import build as network_builder
from deeplab_nas.train import recalibration
from tests.train import records as records_lib
from tests.train import tiny_training

NUM_BATCHES = 3


def batches():
  return tiny_training.batches(NUM_BATCHES).take(NUM_BATCHES)


def expected(network):
  """Mean and variance of the norm's input, from the definition."""
  inputs = [
    network.hidden(network.aspp(images / 127.5 - 1)).numpy().reshape(-1, 8)
    for images, _ in batches()
  ]
  means = np.stack([x.mean(0) for x in inputs])
  variances = np.stack([x.var(0, ddof=1) for x in inputs])
  return means.mean(0), variances.mean(0) + means.var(0)


def assert_calibrated(network):
  mean, variance = expected(network)
  np.testing.assert_allclose(network.norm.moving_mean, mean, 1e-4, 1e-5)
  np.testing.assert_allclose(network.norm.moving_variance, variance, 1e-4)


def test_statistics_are_those_of_all_batches_together():
  network = tiny_training.Pixelwise()
  network.norm.moving_mean.assign(tf.fill([8], 9e3))  # of other weights
  weights = [x.numpy() for x in network.trainable_variables]
  done = recalibration.Recalibration(network, batches)
  assert done.run() == NUM_BATCHES
  assert_calibrated(network)
  for before, now in zip(weights, network.trainable_variables):
    np.testing.assert_array_equal(before, now)
  assert network.norm.momentum == 0.5


def test_they_follow_the_weights_when_it_is_run_again():
  network = tiny_training.Pixelwise()
  done = recalibration.Recalibration(network, batches)
  done.run()
  network.hidden.kernel.assign(-3 * network.hidden.kernel)
  done.run()
  assert_calibrated(network)


def test_frozen_norms_keep_theirs():
  network = tiny_training.Pixelwise()
  network.norm.trainable = False
  assert recalibration.Recalibration(network, batches).run() == 0
  assert (network.norm.moving_mean.numpy() == 0).all()


def test_nothing_is_dropped_meanwhile():
  """Neither by drop path nor by the head's dropout."""
  statistics = []
  for keep_prob in (1.0, 0.2):
    tf.keras.utils.set_random_seed(0)
    config = config_lib.NetworkConfig(
      **{**tiny_training.NETWORK, 'drop_path_keep_prob': keep_prob}
    )
    network = network_builder.build(config, tiny_training.GENOTYPE, 3)
    network.drop_path_progress.assign(1.0)
    recalibration.Recalibration(network, batches).run()
    recalibration.Recalibration(network, batches).run()
    statistics.append(
      [norm.numpy() for norm in network.non_trainable_variables]
    )
  for without, dropping in zip(*statistics):
    np.testing.assert_array_equal(without, dropping)


@pytest.mark.parametrize('ema_decay', [None, 0.5])
def test_a_validation_measures_with_them(ema_decay):
  trainer = tiny_training.trainer(learning_rate=0.5, ema_decay=ema_decay)
  trainer.recalibration = recalibration.Recalibration(trainer.network, batches)
  trainer.fit(tiny_training.batches(), steps_per_epoch=4, verbose=0)
  logs = trainer.evaluate(batches(), verbose=0, return_dict=True)
  with trainer.averaged():
    assert_calibrated(trainer.network)
    logits = [trainer.network(images) for images, _ in batches()]
  labels = [labels for _, labels in batches()]
  right = tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True)
  loss = right(tf.concat(labels, 0), tf.concat(logits, 0))
  assert logs['loss'] == pytest.approx(float(loss), rel=1e-4)


@pytest.mark.parametrize(
  'setting, total_steps, expected_batches',
  [(None, 900, 20), (None, 100_000, 0), (0, 900, 0), (7, 100_000, 7)],
)
def test_short_trainings_are_recalibrated_by_default(
  setting, total_steps, expected_batches
):
  config = config_lib.TrainConfig(recalibration_batches=setting)
  assert config.num_recalibration_batches(total_steps) == expected_batches


def from_config(records, setting, total_steps, num_replicas=1):
  config = records_lib.config(records, recalibration_batches=setting)
  info = dataset_info.DatasetInfo.load(records)
  network = tiny_training.Pixelwise()
  return recalibration.from_config(
    config, info, network, total_steps, num_replicas
  )


def test_settings_say_over_how_many_batches(records):
  assert from_config(records, 3, 100_000).run() == 3
  assert from_config(records, None, 900).run() == 20
  assert from_config(records, None, 100_000) is None
  assert from_config(records, 0, 900) is None


def test_several_devices_do_not_recalibrate(records):
  assert from_config(records, None, 900, num_replicas=2) is None
  assert from_config(records, 0, 900, num_replicas=2) is None
  with pytest.raises(errors.UserError, match='is 3, but .* on one device only'):
    from_config(records, 3, 900, num_replicas=2)
