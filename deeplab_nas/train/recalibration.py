"""Batch-norm statistics that fit the weights as they are now.

Moving statistics follow the weights with a delay, and see the last few batches
alone. In a short training, where the weights move much from step to step, they
may be far from what the network produces, and each layer's error is the next
one's input. So before a network is measured they are taken anew, over many
batches, with the weights fixed.

Reference:
  Wu and Johnson, Rethinking "Batch" in BatchNorm, Sec. 3 (PreciseBN),
  https://arxiv.org/abs/2105.07576
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Iterator, Sequence

import tensorflow as tf
from absl import logging

from deeplab_nas import errors
from deeplab_nas.config import config as config_lib
from deeplab_nas.data import dataset_info, input_pipeline
from deeplab_nas.nn.network import step_random

Norms = Sequence[tf.keras.layers.BatchNormalization]


class Recalibration:
  """Takes the moving statistics of a network's batch norms anew.

      recalibration = Recalibration(network, lambda: batches.take(20))
      recalibration.run()

  The mean is that of all batches' means. The variance is that of all values:
  the mean of the batches' variances, and the variance of their means. Frozen
  norms keep what they have. Nothing is dropped meanwhile, neither paths nor
  units: the network that is measured drops nothing either.

  It is for one device: replicas would have statistics of parts of a batch.
  """

  def __init__(
    self,
    network: tf.keras.Model,
    batches: Callable[[], tf.data.Dataset],
  ):
    """Takes what it needs; nothing is computed.

    Args:
      network: From float32 [B, H, W, 3] in [0, 255].
      batches: Makes a dataset of pairs of images and labels, the same ones each
        time, which is why it makes a new one: a shuffled dataset goes on in
        another order.
    """
    self._network = network
    self._batches = batches
    self._step = tf.function(self._moments, autograph=False)

  @property
  def norms(self) -> Norms:
    """Batch norms whose statistics move in training."""
    return [
      layer
      for layer in self._network.submodules
      if isinstance(layer, tf.keras.layers.BatchNormalization)
      and layer.trainable
    ]

  def run(self) -> int:
    """Replaces the statistics; returns the number of batches that were seen."""
    norms = self.norms
    if not norms:
      return 0
    totals, count = None, 0
    with _replaced_by_the_batch(norms):
      for images, _ in self._batches():
        moments = self._step(images)
        totals = (
          moments
          if totals is None
          else tf.nest.map_structure(tf.add, totals, moments)
        )
        count += 1
    if totals is not None:
      for norm, (mean, square) in zip(norms, totals):
        mean, square = mean / count, square / count
        norm.moving_mean.assign(mean)
        norm.moving_variance.assign(tf.nn.relu(square - tf.square(mean)))
    return count

  def _moments(self, images: tf.Tensor) -> list[tuple[tf.Tensor, tf.Tensor]]:
    """For each norm, the means [C] of its input and of the input's square."""
    norms = self.norms
    for norm in norms:  # so that adding the batch's leaves these exactly
      norm.moving_mean.assign(tf.zeros_like(norm.moving_mean))
      norm.moving_variance.assign(tf.zeros_like(norm.moving_variance))
    with step_random.nothing_dropped():
      self._network(images, training=True)
    moments = []
    for norm in norms:
      mean = tf.convert_to_tensor(norm.moving_mean)
      moments.append((mean, norm.moving_variance + tf.square(mean)))
    return moments


@contextlib.contextmanager
def _replaced_by_the_batch(norms: Norms) -> Iterator[None]:
  """While this is open, a batch's statistics replace the moving ones."""
  momentums = [norm.momentum for norm in norms]
  for norm in norms:
    norm.momentum = 0.0
  try:
    yield
  finally:
    for norm, momentum in zip(norms, momentums):
      norm.momentum = momentum


def from_config(
  config: config_lib.Config,
  info: dataset_info.DatasetInfo,
  network: tf.keras.Model,
  total_steps: int,
  num_replicas: int = 1,
  subset: str | None = None,
) -> Recalibration | None:
  """What `train.recalibration_batches` asks for; None where nothing is due.

  Args:
    config: Every setting.
    info: The description of the data.
    network: From float32 [B, H, W, 3] in [0, 255].
    total_steps: Of the training, by which its default is chosen.
    num_replicas: Devices that share a batch.
    subset: 'a' or 'b' for one half of the split, or None.

  Raises:
    UserError: If several devices are asked to recalibrate.
  """
  if num_replicas > 1:
    errors.require(
      not config.train.recalibration_batches,
      'train.recalibration_batches is'
      f' {config.train.recalibration_batches}, but statistics are taken anew on'
      ' one device only: set it to 0, or runtime.distribution to none.',
    )
    return None
  count = config.train.num_recalibration_batches(total_steps)
  if not count:
    return None
  logging.info(
    'Before each validation, batch-norm statistics are taken anew over %d'
    ' batches (train.recalibration_batches).',
    count,
  )
  # Of the whole split no more is read than these batches need.
  pipeline = dataclasses.replace(
    config.data.pipeline(config.runtime.seed), cache=False
  )

  def batches() -> tf.data.Dataset:
    return input_pipeline.train_dataset(
      config.data.dir, config.data.train_split, info, pipeline, subset
    ).take(count)

  return Recalibration(network, batches)
