"""Losses over all pixels of a batch at once: Dice, Tversky, Lovász.

They are ratios of sums, which ask how much of a class was found, however few
its pixels are. The sums go over the pixels of all replicas that are not
ignored, so that a step gives the same loss on one device and on several.

References:
  Dice: Milletari et al., https://arxiv.org/abs/1606.04797 (there with squares
    in the denominator, here without, as in Sudre et al.,
    https://arxiv.org/abs/1707.03237)
  Tversky: Salehi et al., Eq. 2, https://arxiv.org/abs/1706.05721
  Lovász: Berman et al., Eq. 9 and 13 and algorithm 1,
    https://arxiv.org/abs/1705.08790
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import tensorflow as tf

from deeplab_nas.nn.kernels import replicas

# From the flat probabilities [P, C], one-hot labels [P, C] and which count [P]
# of this replica to the loss of each class over all replicas, [C].
ClassLosses = Callable[[tf.Tensor, tf.Tensor, tf.Tensor], tf.Tensor]


class RegionLoss:
  """The mean of a loss over the classes that the batch has labels of."""

  def __init__(
    self,
    class_losses: ClassLosses,
    class_weights: Sequence[float],
    ignore_label: int,
  ):
    """Prepares the loss.

    Args:
      class_losses: `Tversky(...)` or `lovasz`.
      class_weights: Of the mean, one for each class; empty for equal ones.
      ignore_label: Label of pixels that do not count.
    """
    self._class_losses = class_losses
    self._class_weights = tuple(class_weights)
    self._ignore_label = ignore_label

  def __call__(self, logits: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
    """The loss of the batches of all replicas, float32 [] in [0, 1].

    Args:
      logits: This replica's, [B, H, W, C].
      labels: Integers [B, H, W].
    """
    num_classes = logits.shape[-1]
    flat = tf.reshape(tf.cast(logits, tf.float32), [-1, num_classes])
    labels = tf.reshape(tf.cast(labels, tf.int32), [-1])
    is_valid = labels != self._ignore_label  # [P]
    # What is ignored gets a gradient of exactly 0.
    probabilities = tf.where(is_valid[:, tf.newaxis], tf.nn.softmax(flat), 0.0)
    truth = tf.one_hot(tf.where(is_valid, labels, -1), num_classes)  # [P, C]
    losses = self._class_losses(probabilities, truth, is_valid)  # [C]
    is_present = replicas.total(tf.reduce_sum(truth, 0)) > 0
    weights = tf.cast(is_present, tf.float32)
    if self._class_weights:
      weights *= tf.constant(self._class_weights, tf.float32)
    return tf.math.divide_no_nan(
      tf.reduce_sum(weights * losses), tf.reduce_sum(weights)
    )


class Tversky:
  """1 - TP / (TP + alpha FP + beta FN); Dice with 0.5 for both."""

  def __init__(self, alpha: float, beta: float):
    self._alpha = alpha
    self._beta = beta

  def __call__(
    self, probabilities: tf.Tensor, truth: tf.Tensor, is_valid: tf.Tensor
  ) -> tf.Tensor:
    """See `ClassLosses`."""
    del is_valid  # what is ignored is 0 in both
    sums = (
      tf.reduce_sum(probabilities * truth, 0),
      tf.reduce_sum(probabilities * (1 - truth), 0),
      tf.reduce_sum((1 - probabilities) * truth, 0),
    )
    hits, false_hits, missed = tf.unstack(replicas.total(tf.stack(sums)))
    mistakes = self._alpha * false_hits + self._beta * missed
    return 1 - tf.math.divide_no_nan(hits, hits + mistakes)


def lovasz(
  probabilities: tf.Tensor, truth: tf.Tensor, is_valid: tf.Tensor
) -> tf.Tensor:
  """The Lovász extension of 1 - IoU of each class; see `ClassLosses`.

  With the errors |truth - probability| in falling order e_1, e_2, ..., it is
  sum_i e_i (J_i - J_{i-1}), where J_i is the Jaccard loss if exactly the first
  i pixels are wrong. The differences are written out: those of rounded J would
  be noise in a batch of a million pixels.
  """
  probabilities = replicas.gathered(probabilities)
  truth = replicas.gathered(truth)
  is_valid = replicas.gathered(tf.cast(is_valid, tf.float32)) > 0
  errors = tf.transpose(tf.abs(truth - probabilities))  # [C, P]
  # What is ignored comes last, behind all that counts.
  keys = tf.where(is_valid, errors, -1.0)
  order = tf.argsort(tf.stop_gradient(keys), direction='DESCENDING')
  errors, truth = (
    tf.gather(values, order, batch_dims=1)
    for values in (errors, tf.transpose(truth))
  )
  labelled = tf.reduce_sum(truth, 1, keepdims=True)
  remaining = labelled - tf.cumsum(truth, 1)  # intersection
  union = labelled + tf.cumsum(1 - truth, 1)
  steps = tf.where(
    truth > 0,
    tf.math.divide_no_nan(1.0, union),
    tf.math.divide_no_nan(remaining, (union - 1) * union),
  )
  return tf.reduce_sum(errors * tf.stop_gradient(steps), 1)
