"""The loss of a training: cross-entropy with all that DeepLab does to it.

Reference:
  https://github.com/tensorflow/models/tree/master/research/deeplab,
  utils/train_utils.py
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import tensorflow as tf
from official.vision.losses import segmentation_losses

from deeplab_nas.config import config as config_lib
from deeplab_nas.nn.kernels import replicas


class TopKLoss(segmentation_losses.SegmentationLoss):
  """Hard pixel mining, of one pixel at least, that may begin with all.

  The share of the pixels that count falls linearly from 1 to its end and stays
  there. The library's loss has one share from the first step on, and is 0 if
  that is less than a pixel.
  """

  def __init__(
    self,
    top_k: float,
    ramp_steps: int,
    step: Callable[[], tf.Tensor],
    **settings,
  ):
    """Prepares the loss.

    Args:
      top_k: The share in the end, below 1.
      ramp_steps: Steps until then; 0 for that share from the first step on.
      step: Gives the number of steps that are done.
      **settings: Those of `SegmentationLoss`.
    """
    super().__init__(top_k_percent_pixels=top_k, **settings)
    self._top_k = top_k
    self._ramp_steps = ramp_steps
    self._step = step

  def aggregate_loss_top_k(
    self,
    pixelwise_loss: tf.Tensor,
    num_valid_pixels: tf.Tensor | None = None,
  ) -> tf.Tensor:
    """The mean over the k highest losses of [B, H, W], or over the valid."""
    share = self._top_k
    if self._ramp_steps:
      done = tf.cast(self._step(), tf.float32) / self._ramp_steps
      share = 1 - tf.minimum(done, 1.0) * (1 - self._top_k)
    losses = tf.reshape(pixelwise_loss, [-1])
    num_pixels = tf.cast(tf.size(losses), tf.float32)
    count = tf.maximum(tf.cast(share * num_pixels, tf.int32), 1)
    highest = tf.math.top_k(losses, count).values
    normalizer = tf.cast(count, losses.dtype)
    if num_valid_pixels is not None:
      normalizer = tf.minimum(normalizer, num_valid_pixels)
    return tf.reduce_sum(highest) / (normalizer + segmentation_losses.EPSILON)


def build(
  config: config_lib.TrainConfig,
  class_weights: Sequence[float],
  ignore_label: int,
  step: Callable[[], tf.Tensor],
) -> segmentation_losses.SegmentationLoss:
  """The loss of logits [B, H, W, C] and labels [B, H, W, 1].

  With y the label, smoothed to 1 - s + s/C and s/C, and V the pixels that are
  not ignored:

    sum_{p in V} weight(y_p) cross-entropy(p) / |V|

  With mining, only the k pixels of the highest losses are summed, and divided
  by the smaller of k and |V|; k is 1 at least.

  Args:
    config: Label smoothing and mining.
    class_weights: One for each class; empty for none.
    ignore_label: Label of pixels that do not count.
    step: Gives the number of steps that are done.
  """
  settings = {
    'label_smoothing': config.label_smoothing,
    'class_weights': list(class_weights),
    'ignore_label': ignore_label,
    'use_groundtruth_dimension': True,
  }
  if config.ohem_fraction < 1:
    return TopKLoss(
      config.ohem_fraction, config.ohem_ramp_steps, step, **settings
    )
  return segmentation_losses.SegmentationLoss(**settings)


def num_valid(labels: tf.Tensor, ignore_label: int) -> tf.Tensor:
  """Pixels that count, float32 [], of labels [B, H, W]."""
  return tf.math.count_nonzero(labels != ignore_label, dtype=tf.float32)


def share(loss: tf.Tensor, labels: tf.Tensor, ignore_label: int) -> tf.Tensor:
  """A replica's share of the loss of all: they sum to the mean over all pixels.

  With hard pixel mining each replica chooses its own pixels.

  Args:
    loss: The mean over the replica's valid pixels.
    labels: The replica's, [B, H, W].
    ignore_label: Label of pixels that do not count.
  """
  if replicas.count() == 1:
    return loss
  own = num_valid(labels, ignore_label)
  return loss * tf.math.divide_no_nan(own, replicas.total(own))


def plain(ignore_label: int) -> segmentation_losses.SegmentationLoss:
  """The mean cross-entropy of the pixels that are not ignored.

  Validation uses it, so that runs of different settings can be compared.
  """
  return segmentation_losses.SegmentationLoss(
    label_smoothing=0.0,
    class_weights=[],
    ignore_label=ignore_label,
    use_groundtruth_dimension=True,
  )
