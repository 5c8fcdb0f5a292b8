"""Moving statistics that are those of the weights as they are."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

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


def test_batches_of_all_sizes_share_a_trace():
  network = tiny_training.Pixelwise()
  traced = []

  def forward(network, images):
    traced.append(images.shape)
    return recalibration.in_training(network, images)

  def uneven():
    for number, size in ((2, 33), (1, 33), (2, 65)):
      yield tf.fill([number, size, 33, 3], 9.0), None

  done = recalibration.Recalibration(network, uneven, forward)
  assert done.run() == 3
  assert len(traced) == 1


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


def test_a_twin_sees_the_batches_in_the_place_of_replicas():
  """It is given the weights; its statistics are the network's then."""
  network, twin = tiny_training.Pixelwise(), tiny_training.Pixelwise()
  assert recalibration.Recalibration(network, batches, twin=twin).run() == 3
  assert_calibrated(network)
  network.hidden.kernel.assign(-3 * network.hidden.kernel)
  recalibration.Recalibration(network, batches, twin=twin).run()
  assert_calibrated(network)
  np.testing.assert_array_equal(network.hidden.kernel, twin.hidden.kernel)


def test_a_batch_that_is_not_finite_does_not_count(caplog):
  network = tiny_training.Pixelwise()

  def with_one_bad():
    bad = tiny_training.batch()
    bad = tf.data.Dataset.from_tensors((bad[0] * np.inf, bad[1]))
    return bad.concatenate(batches())

  done = recalibration.Recalibration(network, with_one_bad)
  assert done.run() == done.num_batches == NUM_BATCHES
  assert_calibrated(network)
  before = network.norm.moving_mean.numpy()
  only_bad = recalibration.Recalibration(
    network, lambda: with_one_bad().take(1)
  )
  assert only_bad.run() == 0
  assert 'no batch gave finite ones' in caplog.text
  np.testing.assert_array_equal(network.norm.moving_mean, before)


def test_nothing_has_changed_when_the_batches_end_in_an_error():
  network = tiny_training.Pixelwise()

  def broken():
    yield tiny_training.batch()
    raise RuntimeError('the disk is gone')

  with pytest.raises(RuntimeError, match='the disk is gone'):
    recalibration.Recalibration(network, broken).run()
  assert (network.norm.moving_mean.numpy() == 0).all()
  assert (network.norm.moving_variance.numpy() == 1).all()


@pytest.mark.parametrize('is_validated', [False, True])
@pytest.mark.parametrize('at_every_epoch', [False, True])
def test_the_log_says_over_how_many_batches(at_every_epoch, is_validated):
  trainer = tiny_training.trainer()
  log = recalibration.RecalibrationLog(at_every_epoch)
  log.set_model(trainer)
  logs = {'val_loss': 1.0} if is_validated else {}
  before = dict(logs)
  log.on_epoch_end(0, logs)
  assert logs == before  # nothing is recalibrated
  trainer.recalibration = recalibration.Recalibration(trainer.network, batches)
  if is_validated:
    trainer.evaluate(batches(), verbose=0)
  log.on_epoch_end(0, logs)
  if is_validated or at_every_epoch:
    assert logs == {**before, 'recalibration_batches': NUM_BATCHES}
    assert_calibrated(trainer.network)
  else:
    assert logs == before
    assert (trainer.network.norm.moving_mean.numpy() == 0).all()


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
  'setting, total_steps, crop_size, batch_size, expected',
  [
    # 22 steps between two validations; images are 100 x 200 when scaled.
    (None, 500, (100, 200), 4, 6),  # a step is three passes
    (None, 500, (50, 100), 4, 1),
    (None, 500, (50, 100), 64, 13),  # of 8 images each
    (None, 500, (25, 50), 4, 1),
    (None, 500, (200, 400), 4, 20),
    (None, 19_999, (100, 200), 4, 6),
    (None, 20_000, (100, 200), 4, 0),
    (0, 500, (100, 200), 4, 0),
    (70, 100_000, (100, 200), 4, 70),
  ],
)
def test_short_runs_recalibrate_in_a_tenth_of_the_time(
  setting, total_steps, crop_size, batch_size, expected
):
  data = config_lib.DataConfig(
    crop_size=crop_size, image_scale=0.5, batch_size=batch_size
  )
  size = (200, 400)
  split = dataset_info.SplitInfo(100, 1, size, size, (1,) * 19)
  info = dataclasses.replace(
    dataset_info.DatasetInfo.cityscapes(), splits={'train': split}
  )
  assert expected == recalibration.num_batches(
    setting, data, info, total_steps, steps_between=22
  )


def test_batches_are_of_whole_images(records, caplog):
  """Which are those that are measured; crops have another border."""
  config = records_lib.config(records)  # crops of 17 x 17
  info = dataset_info.DatasetInfo.load(records)

  def made(count):
    return recalibration.from_config(
      config, info, tiny_training.Pixelwise(), count
    )

  assert made(0) is None
  with caplog.at_level('INFO'):
    assert made(3).run() == 3
  sizes = [images.shape for images, _ in made(3).batches()]
  assert sizes == [(2, *info.splits['train'].max_size, 3)] * 3
  assert made(70).run() == 4  # there are eight images
  assert 'taken anew over 3 batches of 2 whole training images' in caplog.text


def test_batches_count_by_their_pixels():
  network = tiny_training.Pixelwise()
  images, labels = tiny_training.batch()

  def in_two():
    yield images[:, :5], labels[:, :5]
    yield images[:, 5:], labels[:, 5:]

  recalibration.Recalibration(network, in_two).run()
  parts = network.norm.moving_mean.numpy(), network.norm.moving_variance.numpy()
  whole = recalibration.Recalibration(network, lambda: [(images, labels)])
  whole.run()
  np.testing.assert_allclose(parts[0], network.norm.moving_mean, 1e-5, 1e-6)
  np.testing.assert_allclose(parts[1], network.norm.moving_variance, 1e-2)
