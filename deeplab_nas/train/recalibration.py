"""Batch-norm statistics that fit the weights as they are now.

Moving statistics follow the weights with a delay, and see the last few batches
alone. In a short run, where the weights move much from step to step, they may
be far from what the network produces, and each layer's error is the next one's
input. So before a network is measured they are taken anew, over many batches,
with the weights fixed.

Reference:
  Wu and Johnson, Rethinking "Batch" in BatchNorm, Sec. 3 (PreciseBN),
  https://arxiv.org/abs/2105.07576
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterator, MutableMapping, Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf
from absl import logging

from deeplab_nas import wording
from deeplab_nas.config import config as config_lib
from deeplab_nas.data import (
  common_windows,
  dataset_info,
  input_pipeline,
  split_contents,
)
from deeplab_nas.nn.network import step_random
from deeplab_nas.report import text as report_text

# Passes images float32 [B, H, W, 3] in [0, 255] through a network, in training.
Forward = Callable[[tf.keras.Model, tf.Tensor], object]
# In a batch of whole images, which take more memory than crops.
_MOST_IMAGES = 8
# The paper's runs have 30,000 and 1.5 million steps.
_SHORT_RUN = 20_000
_MOST = 20  # batches, unless more are asked for
Moments = list[tuple[np.ndarray, np.ndarray]]


def in_training(network: tf.keras.Model, images: tf.Tensor) -> tf.Tensor:
  """The `Forward` of a Keras model."""
  return network(images, training=True)


class Recalibration:
  """Takes the moving statistics of a network's batch norms anew.

      recalibration = Recalibration(network, lambda: batches.take(20))
      recalibration.run()

  The mean is that of all batches' means. The variance is that of all values:
  the mean of the batches' variances, and the variance of their means. Batches
  count by their pixels. A batch
  that gives what is not finite does not count. Frozen norms keep what they
  have. Nothing is dropped meanwhile, neither paths nor units: the network that
  is measured drops nothing either.

  The weights stay as they are, and the result depends on nothing but them and
  the batches: a run that is resumed gets the same.

  Attributes:
    batches: Makes the dataset.
    num_batches: That counted the last time.
  """

  def __init__(
    self,
    network: tf.keras.Model,
    batches: Callable[[], tf.data.Dataset],
    forward: Forward = in_training,
    twin: tf.keras.Model | None = None,
  ):
    """Takes what it needs; nothing is computed.

    Args:
      network: Its batch norms have `moving_mean`, `moving_variance` and
        `momentum`.
      batches: Makes a dataset of pairs of images and labels, the same ones each
        time, which is why it makes a new one: a shuffled dataset goes on in
        another order.
      forward: A pass that moves the statistics once.
      twin: For a network of several replicas, one of the same variables on a
        single device. It sees each batch as a whole, as no replica does.
    """
    self.num_batches = 0
    self._network = network
    self.batches = batches
    self._forward = forward
    self._twin = twin
    # One trace, whatever the sizes of images and of the last batch.
    self._step = tf.function(
      self._moments,
      input_signature=[tf.TensorSpec([None, None, None, 3])],
      autograph=False,
    )

  @property
  def norms(self) -> Sequence[tf.keras.layers.Layer]:
    """Layers whose statistics move in training."""
    return [layer for layer, _ in self._pairs()]

  def run(self) -> int:
    """Replaces the statistics; returns the number of batches that counted."""
    self.num_batches = 0
    if not self.norms:
      return 0
    self._copy_weights()
    statistics = [
      statistic
      for norm in self.norms
      for statistic in (norm.moving_mean, norm.moving_variance)
    ]
    with kept(statistics):
      found = self._found()
    if not found:
      logging.warning(
        'Batch-norm statistics stay as they are: no batch gave finite ones.'
      )
      return 0
    for norm, (mean, variance) in zip(self.norms, _pooled(*zip(*found))):
      norm.moving_mean.assign(mean)
      norm.moving_variance.assign(variance)
    self.num_batches = len(found)
    return self.num_batches

  def _found(self) -> list[tuple[int, Moments]]:
    """Pixels and moments of each batch, where these are finite."""
    found = []
    for images, _ in self.batches():
      moments = [(m.numpy(), v.numpy()) for m, v in self._step(images)]
      if all(np.isfinite(x).all() for pair in moments for x in pair):
        found.append((math.prod(images.shape[:3]), moments))
    return found

  def _pairs(self) -> list[tuple[tf.keras.layers.Layer, tf.keras.layers.Layer]]:
    """Each norm of the network, and the one whose statistics are taken."""
    ours = _norms(self._network)
    theirs = ours if self._twin is None else _norms(self._twin)
    return [pair for pair in zip(ours, theirs) if pair[0].trainable]

  def _copy_weights(self) -> None:
    """Gives the twin the network's weights, and statistics of frozen norms."""
    if self._twin is None:
      return
    new = {
      id(statistic)
      for norm in self.norms
      for statistic in (norm.moving_mean, norm.moving_variance)
    }
    for target, source in zip(self._twin.variables, self._network.variables):
      if id(source) not in new:  # reading these would ask all replicas
        target.assign(tf.convert_to_tensor(source))

  def _moments(self, images: tf.Tensor) -> list[tuple[tf.Tensor, tf.Tensor]]:
    """For each norm the mean [C] and variance [C] of its input."""
    norms = [norm for _, norm in self._pairs()]
    for norm in norms:  # so that what a batch adds is a share of its own
      norm.moving_mean.assign(tf.zeros_like(norm.moving_mean))
      norm.moving_variance.assign(tf.zeros_like(norm.moving_variance))
    seen = self._network if self._twin is None else self._twin
    with step_random.nothing_dropped():
      self._forward(seen, images)
    return [
      (
        norm.moving_mean / (1 - norm.momentum),
        norm.moving_variance / (1 - norm.momentum),
      )
      for norm in norms
    ]


@contextlib.contextmanager
def kept(variables: Sequence[tf.Variable]) -> Iterator[None]:
  """Afterwards the variables are what they were, whatever has happened."""
  before = [variable.numpy() for variable in variables]
  try:
    yield
  finally:
    for variable, value in zip(variables, before):
      variable.assign(value)


def _norms(network: tf.keras.Model) -> list[tf.keras.layers.Layer]:
  return [x for x in network.submodules if hasattr(x, 'moving_variance')]


def _pooled(counts: Sequence[int], moments: Sequence[Moments]) -> Moments:
  """Mean and variance of all values, of norms of several batches."""
  shares = np.asarray(counts, np.float64)[:, np.newaxis] / sum(counts)
  pooled = []
  for of_norm in zip(*moments):
    means, variances = (
      np.asarray(x, np.float64).reshape(len(shares), -1) for x in zip(*of_norm)
    )
    mean = (shares * means).sum(0)
    spread = (shares * (means - mean) ** 2).sum(0)
    variance = (shares * variances).sum(0) + spread
    pooled.append([x.reshape(of_norm[0][0].shape) for x in (mean, variance)])
  return pooled


def num_batches(
  setting: int | None,
  data: config_lib.DataConfig,
  info: dataset_info.DatasetInfo,
  total_steps: int,
  steps_between: int,
) -> int:
  """Batches of whole images that a recalibration passes through a network.

  Args:
    setting: What was asked for; None for what a tenth of the steps' time
      allows, 1 to 20, in runs of fewer than 20,000 steps, and for 0 in longer
      ones. A pass is taken for a third of a step of as many pixels: forward,
      not backward.
    data: Crops, batches and the training split.
    info: Sizes of the images.
    total_steps: Of the run.
    steps_between: Between two validations.
  """
  if setting is not None:
    return setting
  if total_steps >= _SHORT_RUN:
    return 0
  sides = split_contents.max_size(data.dir, data.train_split, info)
  pixels = math.prod(sides) * data.image_scale**2
  of_pass = pixels * min(data.batch_size, _MOST_IMAGES)
  of_step = 3 * math.prod(data.crop_size) * data.batch_size
  return min(max(1, int(0.1 * steps_between * of_step / of_pass)), _MOST)


def from_config(
  config: config_lib.Config,
  info: dataset_info.DatasetInfo,
  network: tf.keras.Model,
  count: int,
  twin: tf.keras.Model | None = None,
  forward: Forward = in_training,
  subset: str | None = None,
) -> Recalibration | None:
  """Over batches of whole images of the training split; None over none.

  Args:
    config: Every setting.
    info: The description of the data.
    network: From float32 [B, H, W, 3] in [0, 255].
    count: Batches.
    twin: See `Recalibration`, as `forward`.
    forward: A pass that moves the statistics once.
    subset: 'a' or 'b' for one half of the training split; None for all.
  """
  if not count:
    return None
  batches, count, batch_size = whole_batches(config, info, count, subset)
  logging.info(
    'Before each validation, batch-norm statistics are taken anew over %s of'
    ' %s (recalibration_batches).',
    wording.counted(count, 'batch', 'batches'),
    wording.counted(batch_size, 'whole training image'),
  )
  return Recalibration(network, batches, forward, twin)


class WholeBatches(NamedTuple):
  """Batches of whole training images, to take statistics over.

  Attributes:
    make: Makes the dataset, the same one each time.
    count: Batches.
    batch_size: Images in a batch, but for the last one.
  """

  make: Callable[[], tf.data.Dataset]
  count: int
  batch_size: int


def whole_batches(
  config: config_lib.Config,
  info: dataset_info.DatasetInfo,
  count: int,
  subset: str | None = None,
) -> WholeBatches:
  """The first whole images of the training split, in the seed's order.

  Args:
    config: Data and seed.
    info: The description of the data.
    count: Batches, at most.
    subset: 'a' or 'b' for one half of the training split; None for all.
  """
  data = config.data
  batch_size = min(data.batch_size, _MOST_IMAGES)
  of_split = data.dir, data.train_split, data.pipeline().shares
  num_images = split_contents.count_trained(*of_split)
  if subset:
    num_images = split_contents.count_subsets(*of_split)[subset]
  count = min(count, math.ceil(num_images / batch_size))

  def make() -> tf.data.Dataset:
    examples = input_pipeline.whole_images(
      data.dir,
      data.train_split,
      info,
      data.pipeline(config.runtime.seed),
      subset,
    )
    return common_windows.batched(examples, batch_size).take(count)

  return WholeBatches(make, count, batch_size)


class Recalibrated:
  """A Keras model, to be inherited from first, that is measured so.

  Attributes:
    recalibration: Takes statistics anew before each validation; None leaves
      them as the last steps made them.
  """

  recalibration: Recalibration | None = None

  def recalibrate(self) -> None:
    """Fits the batch-norm statistics to the weights, if that is asked for."""
    if self.recalibration is not None:
      self.recalibration.run()

  def evaluate(self, *args, **kwargs):
    """As Keras does, with statistics of the weights as they are.

    The statistics stay; training does not read them.
    """
    self.recalibrate()
    return super().evaluate(*args, **kwargs)


class RecalibrationLog(tf.keras.callbacks.Callback):
  """Adds to an epoch's logs over how many batches statistics were taken anew.

  It comes before what writes the logs, and has a `Recalibrated` model.
  """

  def __init__(self, at_every_epoch: bool = False):
    """Only logs.

    Args:
      at_every_epoch: Whether to take them after an epoch without validation
        too, before its state is kept.
    """
    super().__init__()
    self._at_every_epoch = at_every_epoch

  def on_epoch_end(
    self, epoch: int, logs: MutableMapping[str, float] | None = None
  ) -> None:
    logs = {} if logs is None else logs
    is_validated = 'val_loss' in logs
    if self.model.recalibration is None:
      return
    if self._at_every_epoch and not is_validated:
      self.model.recalibrate()
    if self._at_every_epoch or is_validated:
      logs[report_text.RECALIBRATION] = self.model.recalibration.num_batches
