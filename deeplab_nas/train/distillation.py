"""A network that begins with the weights of another one, and learns from it.

Reference:
  Hinton et al., Distilling the knowledge in a neural network,
  https://arxiv.org/abs/1503.02531
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import tensorflow as tf
from absl import logging

from deeplab_nas.config import config as config_lib
from deeplab_nas.data import dataset_info
from deeplab_nas.nn.network import inheritance
from deeplab_nas.nn.network import network as network_lib
from deeplab_nas.train import build, losses, restore
from deeplab_nas.train import teacher as teacher_lib


class SoftLabels:
  """The part of a loss that is the divergence from a teacher's answers.

  With a share a, and p and q the softmaxes of teacher and student, over the
  pixels that count: (1 - a) loss + a mean(sum_c p_c log(p_c / q_c)). The
  temperature is 1.
  """

  def __init__(
    self,
    teacher: Callable[..., tf.Tensor],
    share: float,
    ignore_label: int,
  ):
    """Prepares the loss.

    Args:
      teacher: Gives logits [B, H, W, C] of images; `training` is False.
      share: Of the divergence, in (0, 1].
      ignore_label: Label of pixels that do not count.
    """
    self._teacher = teacher
    self._share = share
    self._ignore_label = ignore_label

  def __call__(
    self,
    loss: tf.Tensor,
    images: tf.Tensor,
    labels: tf.Tensor,
    logits: tf.Tensor,
  ) -> tf.Tensor:
    """This replica's share of the whole loss, float32 [].

    Args:
      loss: Of the labels, this replica's share.
      images: [B, H, W, 3].
      labels: Integers [B, H, W].
      logits: The student's, [B, H, W, C].
    """
    wanted = tf.stop_gradient(self._teacher(images, training=False))
    found = divergence(wanted, logits, labels, self._ignore_label)
    found = losses.share(found, labels, self._ignore_label)
    return (1 - self._share) * loss + self._share * found


def divergence(
  wanted: tf.Tensor, logits: tf.Tensor, labels: tf.Tensor, ignore_label: int
) -> tf.Tensor:
  """The mean Kullback-Leibler divergence of the pixels that count, float32 [].

  Args:
    wanted: The teacher's logits, [B, H, W, C].
    logits: The student's.
    labels: Integers [B, H, W].
    ignore_label: Label of pixels that do not count; 0 if none does.
  """
  wanted, logits = (tf.cast(x, tf.float32) for x in (wanted, logits))
  log_p = tf.nn.log_softmax(wanted)
  pixels = tf.reduce_sum(
    tf.exp(log_p) * (log_p - tf.nn.log_softmax(logits)), -1
  )
  counts = tf.cast(labels != ignore_label, tf.float32)
  total = tf.reduce_sum(pixels * counts)
  return tf.math.divide_no_nan(total, tf.reduce_sum(counts))


def load(
  teacher: teacher_lib.Teacher,
  config: config_lib.NetworkConfig,
  precision: str = 'float32',
  sync: bool = False,
) -> network_lib.DerivedNetwork:
  """The teacher's network with its best weights, and a student's options.

  Args:
    teacher: Of which folder.
    config: Settings of the student's network.
    precision: See `build.build`.
    sync: See `build.build`.

  Raises:
    UserError: If its checkpoint cannot be read.
  """
  trained = restore.load(teacher.folder)
  network = build.build(
    teacher.wide(config),
    trained.genotype,
    trained.info.num_classes,
    precision,
    sync,
  )
  network.set_weights(trained.network.get_weights())
  return network


def begin(
  network: network_lib.DerivedNetwork,
  config: config_lib.Config,
  info: dataset_info.DatasetInfo,
  sync: bool,
  with_weights: bool,
) -> SoftLabels:
  """Has a network inherit the weights of `train.init_from`'s.

  Args:
    network: The student.
    config: Of its training.
    info: Of the data.
    sync: See `build.build`.
    with_weights: Whether it inherits; not if it has weights of its own.

  Returns:
    What joins its loss.

  Raises:
    UserError: If there is no teacher, or it does not fit.
  """
  train = config.train
  teacher = teacher_lib.read(train.init_from, config.network, info)
  teacher.require_fits(network.genotype)
  trained = load(teacher, config.network, train.precision, sync)
  if with_weights:
    rng = np.random.default_rng(config.runtime.seed)
    approximate = inheritance.inherit(trained, network, rng)
    logging.info(
      'Inherited the weights of %s: %s.',
      teacher.folder,
      f'approximately ({", ".join(approximate)})' if approximate else 'exactly',
    )
  return SoftLabels(trained, train.distil_share, info.ignore_label)
