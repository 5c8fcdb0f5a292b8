"""Augmentation and padding: pure functions of tensors and a seed."""

from __future__ import annotations

import dataclasses

import tensorflow as tf

from deeplab_nas.data import pipeline_config


@dataclasses.dataclass(frozen=True)
class Padding:
  """What fills the place outside of an image.

  Attributes:
    pixel: Mean (red, green, blue) in 0..255, for images.
    label: The ignore label, for masks.
  """

  pixel: tuple[float, float, float]
  label: int


def scaled_size(size: int | tf.Tensor, scale: float | tf.Tensor) -> tf.Tensor:
  """Rounds a side times a scale to pixels, never below 1."""
  pixels = tf.round(tf.cast(size, tf.float32) * scale)
  return tf.maximum(tf.cast(pixels, tf.int32), 1)


def resize(
  image: tf.Tensor,
  label: tf.Tensor,
  height: tf.Tensor,
  width: tf.Tensor,
  antialias: bool = False,
) -> tuple[tf.Tensor, tf.Tensor]:
  """Resizes the image bilinearly and the mask to the nearest label.

  Args:
    image: uint8 or float32 [H, W, 3].
    label: uint8 or int32 [H, W].
    height: int32 []. New height.
    width: int32 []. New width.
    antialias: Whether to average source pixels when shrinking.

  Returns:
    float32 [height, width, 3] and the label's type [height, width].
  """
  size = [height, width]
  image = tf.image.resize(image, size, antialias=antialias)
  label = tf.image.resize(label[..., tf.newaxis], size, 'nearest')[..., 0]
  return image, label


def pad(
  image: tf.Tensor,
  label: tf.Tensor,
  height: int,
  width: int,
  padding: Padding,
) -> tuple[tf.Tensor, tf.Tensor]:
  """Pads at the bottom and the right to [height, width].

  Args:
    image: float32 [h, w, 3], not larger than the target.
    label: int32 [h, w].
    height: Target height.
    width: Target width.
    padding: Mean pixel and ignore label.

  Returns:
    float32 [height, width, 3] and int32 [height, width].
  """
  bottom = height - tf.shape(image)[0]
  right = width - tf.shape(image)[1]
  amounts = [[0, bottom], [0, right]]
  channels = [
    tf.pad(image[..., index], amounts, constant_values=value)
    for index, value in enumerate(padding.pixel)
  ]
  image = tf.stack(channels, -1)  # [height, width, 3]
  label = tf.pad(label, amounts, constant_values=padding.label)
  return (
    tf.ensure_shape(image, [height, width, 3]),
    tf.ensure_shape(label, [height, width]),
  )


def random_scale(
  seed: tf.Tensor, minimum: float, maximum: float, step: float
) -> tf.Tensor:
  """Draws a scale: from minimum, minimum + step, ..., maximum, or between.

  Args:
    seed: int32 [2].
    minimum: Smallest scale.
    maximum: Largest scale.
    step: Distance of the scales; 0 draws from the whole range.

  Returns:
    float32 [].
  """
  if step <= 0:
    return tf.random.stateless_uniform([], seed, minimum, maximum)
  num_scales = int((maximum - minimum) / step + 1e-6) + 1
  index = tf.random.stateless_uniform([], seed, 0, num_scales, dtype=tf.int32)
  return minimum + step * tf.cast(index, tf.float32)


def random_window(
  image: tf.Tensor,
  label: tf.Tensor,
  scale: tf.Tensor,
  crop_size: tuple[int, int],
  seed: tf.Tensor,
) -> tuple[tf.Tensor, tf.Tensor]:
  """Scales and crops at a random place.

  The window is cut out before it is scaled, so that the cost is that of the
  crop and not of the whole enlarged image. Apart from the border pixels the
  result is that of scaling first.

  Args:
    image: uint8 [H, W, 3].
    label: uint8 or int32 [H, W].
    scale: float32 []. Factor from source to result pixels.
    crop_size: (height, width) of the largest result.
    seed: int32 [2].

  Returns:
    float32 [h, w, 3] and the label's type [h, w], not larger than `crop_size`;
    smaller where the scaled image is.
  """
  shape = tf.shape(image)
  starts = tf.random.stateless_uniform([2], seed)
  offsets, windows, sizes = [], [], []
  for axis in (0, 1):
    window = tf.minimum(scaled_size(crop_size[axis], 1 / scale), shape[axis])
    room = tf.cast(shape[axis] - window + 1, tf.float32)
    offsets.append(tf.cast(starts[axis] * room, tf.int32))
    windows.append(window)
    sizes.append(tf.minimum(scaled_size(window, scale), crop_size[axis]))
    # A window cut from a larger image must fill the crop in spite of rounding.
    sizes[-1] = tf.where(window < shape[axis], crop_size[axis], sizes[-1])
  image = tf.slice(image, offsets + [0], windows + [3])  # [window, 3]
  label = tf.slice(label, offsets, windows)  # [window]
  return resize(image, label, sizes[0], sizes[1])


def random_flip(
  image: tf.Tensor, label: tf.Tensor, seed: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
  """Mirrors left and right with probability 1/2.

  Args:
    image: float32 [H, W, 3].
    label: int32 [H, W].
    seed: int32 [2].
  """
  is_flipped = tf.random.stateless_uniform([], seed) < 0.5
  image = tf.cond(is_flipped, lambda: tf.reverse(image, [1]), lambda: image)
  label = tf.cond(is_flipped, lambda: tf.reverse(label, [1]), lambda: label)
  return image, label


def random_color(
  image: tf.Tensor, strength: float, seeds: tf.Tensor
) -> tf.Tensor:
  """Jitters brightness, contrast and saturation.

  Args:
    image: float32 [H, W, 3] in [0, 255].
    strength: Largest relative change, in (0, 1).
    seeds: int32 [3, 2].

  Returns:
    float32 [H, W, 3] in [0, 255].
  """
  low, high = 1 - strength, 1 + strength
  image = image / 255.0
  image = tf.image.stateless_random_brightness(image, strength, seeds[0])
  image = tf.image.stateless_random_contrast(image, low, high, seeds[1])
  image = tf.image.stateless_random_saturation(
    tf.clip_by_value(image, 0.0, 1.0), low, high, seeds[2]
  )
  return 255.0 * tf.clip_by_value(image, 0.0, 1.0)


def augmented(
  image: tf.Tensor,
  label: tf.Tensor,
  seed: tf.Tensor,
  config: pipeline_config.PipelineConfig,
  padding: Padding,
) -> tuple[tf.Tensor, tf.Tensor]:
  """Scales, crops, flips, changes colours and pads, as a training does.

  Args:
    image: uint8 [H, W, 3].
    label: uint8 [H, W].
    seed: int64 [2]; decides all random numbers.
    config: What is drawn from.
    padding: What fills a crop beyond the image.

  Returns:
    float32 [h, w, 3] in [0, 255] and int32 [h, w], of `config.crop_size`.
  """
  seeds = tf.random.experimental.stateless_split(seed, 6)  # [6, 2]
  scale = random_scale(
    seeds[0], config.min_scale, config.max_scale, config.scale_step
  )
  image, label = random_window(image, label, scale, config.crop_size, seeds[1])
  label = tf.cast(label, tf.int32)
  if config.flip:
    image, label = random_flip(image, label, seeds[2])
  if config.color_jitter:
    image = random_color(image, config.color_jitter, seeds[3:])
  return pad(image, label, *config.crop_size, padding)
