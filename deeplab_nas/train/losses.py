"""What a step of a search or a training minimises.

Cross-entropy with all that DeepLab does to it, focal loss, and with
`region_losses` Dice, Tversky and Lovász, alone or summed.

References:
  https://github.com/tensorflow/models/tree/master/research/deeplab,
  utils/train_utils.py
  Focal loss: Lin et al., Eq. 4, https://arxiv.org/abs/1708.02002
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import tensorflow as tf
from official.vision.losses import segmentation_losses

from deeplab_nas.config import loss as config_loss
from deeplab_nas.nn.kernels import replicas
from deeplab_nas.train import region_losses

# Below it, 1 - p counts as this in the focal loss: the derivative of a power
# between 0 and 1 is infinite at 0.
_SMALLEST = 1e-7


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
      top_k: The share in the end, at most 1.
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


class FocalLoss(TopKLoss):
  """Cross-entropy that counts a pixel by (1 - p)^gamma, p of its label.

  With a smoothed label y: sum_c -y_c (1 - p_c)^gamma log p_c. Computed from
  logits: Keras' CategoricalFocalCrossentropy clips p at 1e-7, below which a
  pixel would have no gradient, just where the network is surely wrong.
  """

  def __init__(self, gamma: float, **settings):
    """Prepares the loss.

    Args:
      gamma: 0 for cross-entropy.
      **settings: Those of `TopKLoss`.
    """
    super().__init__(**settings)
    self._gamma = gamma

  def __call__(self, logits: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
    """The mean over pixels that count, of [B, H, W, C] and [B, H, W, 1]."""
    logits = tf.cast(logits, tf.float32)
    is_valid = labels != self._ignore_label
    wanted = self.get_labels_with_prob(logits, labels, is_valid)
    log_p = tf.nn.log_softmax(logits)
    modulator = tf.maximum(1 - tf.exp(log_p), _SMALLEST) ** self._gamma
    losses = -tf.reduce_sum(wanted * modulator * log_p, -1)
    if self._class_weights:
      truth = tf.one_hot(labels[..., 0], logits.shape[-1])
      weights = tf.constant(self._class_weights, tf.float32)
      losses *= tf.linalg.matvec(truth, weights)
    valid = tf.cast(is_valid[..., 0], tf.float32)
    losses *= valid
    if self._top_k < 1:
      return self.aggregate_loss_top_k(losses, tf.reduce_sum(valid))
    normalizer = tf.reduce_sum(valid) + segmentation_losses.EPSILON
    return tf.reduce_sum(losses) / normalizer


class TrainingLoss:
  """The sum of losses; each replica has a share, and the shares add up."""

  def __init__(
    self,
    pixelwise: Sequence[segmentation_losses.SegmentationLoss],
    regional: Sequence[region_losses.RegionLoss],
    ignore_label: int,
  ):
    """Prepares the sum.

    Args:
      pixelwise: Each gives the mean over a replica's valid pixels.
      regional: Each gives the loss of all replicas' batches.
      ignore_label: Label of pixels that do not count.
    """
    self._pixelwise = tuple(pixelwise)
    self._regional = tuple(regional)
    self._ignore_label = ignore_label

  def __call__(self, logits: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
    """This replica's share of the loss, float32 [].

    With hard pixel mining each replica chooses its own pixels.

    Args:
      logits: [B, H, W, C].
      labels: Integers [B, H, W].
    """
    shares = [
      share(loss(logits, labels[..., tf.newaxis]), labels, self._ignore_label)
      for loss in self._pixelwise
    ]
    shares += [
      loss(logits, labels) / replicas.count() for loss in self._regional
    ]
    return shares[0] if len(shares) == 1 else tf.add_n(shares)


def build(
  config: config_loss.LossConfig,
  class_weights: Sequence[float],
  ignore_label: int,
  step: Callable[[], tf.Tensor],
) -> TrainingLoss:
  """The loss of logits [B, H, W, C] and labels [B, H, W].

  With y the label, smoothed to 1 - s + s/C and s/C, and V the pixels of all
  replicas that are not ignored:

    sum_{p in V} weight(y_p) cross-entropy(p) / |V|

  With mining, only the k pixels of the highest losses are summed, and divided
  by the smaller of k and |V|; k is 1 at least.

  Args:
    config: Which losses, and their settings.
    class_weights: One for each class; empty for none.
    ignore_label: Label of pixels that do not count.
    step: Gives the number of steps that are done.
  """
  pixelwise, regional = [], []
  for name in config.loss_parts:
    if name in config_loss.PIXELWISE:
      pixelwise.append(
        _pixelwise(name, config, class_weights, ignore_label, step)
      )
    else:
      regional.append(
        region_losses.RegionLoss(
          _class_losses(name, config), class_weights, ignore_label
        )
      )
  return TrainingLoss(pixelwise, regional, ignore_label)


def _pixelwise(name, config, class_weights, ignore_label, step):
  settings = {
    'label_smoothing': config.label_smoothing,
    'class_weights': list(class_weights),
    'ignore_label': ignore_label,
    'use_groundtruth_dimension': True,
  }
  mining = {
    'top_k': config.ohem_fraction,
    'ramp_steps': config.ohem_ramp_steps,
    'step': step,
  }
  if name == 'focal':
    return FocalLoss(config.focal_gamma, **mining, **settings)
  if config.ohem_fraction < 1:
    return TopKLoss(**mining, **settings)
  return segmentation_losses.SegmentationLoss(**settings)


def _class_losses(name, config) -> region_losses.ClassLosses:
  if name == 'lovasz':
    return region_losses.lovasz
  if name == 'dice':
    return region_losses.Tversky(0.5, 0.5)
  return region_losses.Tversky(config.tversky_alpha, config.tversky_beta)


def num_valid(labels: tf.Tensor, ignore_label: int) -> tf.Tensor:
  """Pixels that count, float32 [], of labels [B, H, W]."""
  return tf.math.count_nonzero(labels != ignore_label, dtype=tf.float32)


def share(loss: tf.Tensor, labels: tf.Tensor, ignore_label: int) -> tf.Tensor:
  """A replica's share of the loss of all: they sum to the mean over all pixels.

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
