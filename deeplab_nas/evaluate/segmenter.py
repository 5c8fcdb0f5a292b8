"""From images to classes: the one inference function of the product.

Evaluation, prediction and the exported model all call it, so that they agree
on every mask.

Reference:
  DeepLabv3, Sec. 4 (inference at several scales, flipped),
  https://arxiv.org/abs/1706.05587
"""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf

from deeplab_nas.data import preprocess
from deeplab_nas.nn.network import network as network_lib

# Values of an 8-bit mask.
MAX_CLASSES = 256
_LEAST_PROBABILITY = 1.2e-38  # above it float32 has all of its digits


class Segmenter(tf.Module):
  """Segments images of any size with a network.

      segmenter = Segmenter(folding.fold(network), scales=(0.75, 1.0, 1.25))
      classes = segmenter.classes(images)    # uint8 [B, H, W]

  Attributes:
    network: Gives logits.
    image_scale: Resizes images before all else, as the training did.
    scales: Further resizes, whose probabilities are averaged.
    flip: Whether to average with the mirrored image's, at each scale.
  """

  def __init__(
    self,
    network: network_lib.DerivedNetwork,
    image_scale: float = 1.0,
    scales: Sequence[float] = (1.0,),
    flip: bool = False,
  ):
    super().__init__(name='segmenter')
    self.network = network
    self.image_scale = image_scale
    self.scales = tuple(scales)
    self.flip = flip

  def classes(self, images: tf.Tensor) -> tf.Tensor:
    """The most probable classes, uint8 [B, H, W].

    Args:
      images: uint8 or float32 [B, H, W, 3] in [0, 255].

    Raises:
      ValueError: If there are more classes than a mask of 8 bits has values.
    """
    return _most_probable(self.probabilities(images))

  def classes_and_nats(
    self, images: tf.Tensor, labels: tf.Tensor, ignore_label: int
  ) -> tuple[tf.Tensor, tf.Tensor]:
    """The most probable classes, and how improbable the labels were.

    Args:
      images: See `classes`.
      labels: integers [B, H, W], below C or `ignore_label`.
      ignore_label: Pixels with this label do not count.

    Returns:
      uint8 [B, H, W], and float64 [B], the sums of -log p(label) over the
      labelled pixels of each image. A probability counts as 1e-38 at least.
    """
    probabilities = self.probabilities(images)
    is_labelled = labels != ignore_label
    label = tf.where(is_labelled, labels, 0)
    of_label = tf.gather(
      probabilities, tf.cast(label, tf.int32), axis=-1, batch_dims=3
    )  # [B, H, W]
    nats = -tf.math.log(tf.maximum(of_label, _LEAST_PROBABILITY))
    counted = tf.where(is_labelled, tf.cast(nats, tf.float64), 0)
    return _most_probable(probabilities), tf.reduce_sum(counted, [1, 2])

  def probabilities(self, images: tf.Tensor) -> tf.Tensor:
    """Mean of the softmaxes over scales and flips, float32 [B, H, W, C].

    Args:
      images: uint8 or float32 [B, H, W, 3] in [0, 255].
    """
    images = tf.cast(images, tf.float32)
    results = []
    for scale in self.scales:
      results.append(self._softmax(images, scale))
      if self.flip:
        mirrored = self._softmax(tf.reverse(images, [2]), scale)
        results.append(tf.reverse(mirrored, [2]))
    return results[0] if len(results) == 1 else tf.add_n(results) / len(results)

  def _softmax(self, images: tf.Tensor, scale: float) -> tf.Tensor:
    """Probabilities at one scale, at the size of the images."""
    scale *= self.image_scale
    if scale == 1:
      return tf.nn.softmax(self.network(images, training=False))
    size = tf.shape(images)[1:3]
    scaled_size = [preprocess.scaled_size(n, scale) for n in tf.unstack(size)]
    # Rounded, as the images that trained were.
    scaled = tf.round(tf.image.resize(images, scaled_size, antialias=True))
    logits = self.network(scaled, training=False)
    return tf.nn.softmax(tf.image.resize(logits, size))


def _most_probable(probabilities: tf.Tensor) -> tf.Tensor:
  """uint8 [B, H, W] of [B, H, W, C]."""
  if probabilities.shape[-1] > MAX_CLASSES:
    raise ValueError(
      f'the network has {probabilities.shape[-1]} classes, but masks of 8'
      f' bits tell {MAX_CLASSES} apart'
    )
  return tf.cast(tf.argmax(probabilities, -1, tf.int32), tf.uint8)
