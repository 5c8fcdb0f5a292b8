"""TFRecord shards -> batches of images and labels, with tf.data.

Training draws every random number from (seed, index of the element), so that
the parallel map gives the same batches on every run with the same seed.
Evaluation augments nothing and gives every image exactly once.
"""

from __future__ import annotations

import os

import numpy as np
import tensorflow as tf

from deeplab_nas import commands, errors, wording
from deeplab_nas.data import (
  dataset_info,
  example_schema,
  kept_images,
  pipeline_config,
  preprocess,
  shards,
  split_contents,
  subsets,
)

PipelineConfig = pipeline_config.PipelineConfig
# What a run asks of a split before it makes batches of it.
count_subsets = split_contents.count_subsets
file_names = split_contents.file_names
max_size = split_contents.max_size


def train_dataset(
  data_dir: str | os.PathLike,
  split: str,
  info: dataset_info.DatasetInfo,
  config: PipelineConfig,
  subset: str | None = None,
  repeat: bool = True,
  start_step: int = 0,
) -> tf.data.Dataset:
  """Shuffled, augmented, full batches.

  Args:
    data_dir: Directory of the shards.
    split: Name of the split, usually 'train'.
    info: Classes, ignore label and mean pixel.
    config: Crop, batch, augmentation, and how much is held out.
    subset: 'a' or 'b' for one half of what is not held out (see `subsets`), or
      None for both.
    repeat: Whether to go on for ever.
    start_step: Leaves out this many batches, undecoded: with a seed, a resumed
      run sees the batches that an uninterrupted one would have seen.

  Returns:
    Batches of images float32 [B, H, W, 3] in [0, 255] and labels int32
    [B, H, W] with (H, W) = `config.crop_size`.
  """
  paths = shards.find(data_dir, split)
  size, names = split_contents.part(
    data_dir, split, paths, subset, config.shares
  )
  errors.require(
    repeat or size >= config.batch_size,
    f'Split {split} of {data_dir} has {wording.counted(size, "example")}, too'
    f' few for a batch of {config.batch_size}: lower the batch size.',
  )
  seed = _seed(config)
  examples = split_contents.undecoded(paths, names, seed)
  if config.cache:
    examples = _decoded(examples, info, config).cache()
  first = start_step * config.batch_size
  examples = _shuffled(examples, size, seed, config, repeat).skip(first)
  if not config.cache:
    examples = _decoded(examples, info, config)

  def augment(index, image, label):
    seeds = tf.stack([seed, index])
    return preprocess.augmented(image, label, seeds, config, _padding(info))

  batches = (
    examples.enumerate(first)
    .map(lambda index, pair: augment(index, *pair), tf.data.AUTOTUNE)
    .batch(config.batch_size, drop_remainder=True)
    .prefetch(tf.data.AUTOTUNE)
  )
  return batches.with_options(_options())


def batch_names(
  data_dir: str | os.PathLike,
  split: str,
  config: PipelineConfig,
  step: int,
  subset: str | None = None,
) -> list[str]:
  """Names of the examples in one batch of `train_dataset`.

  Args:
    data_dir: Directory of the shards.
    split: Name of the split.
    config: With a seed; without one, no batch comes again.
    step: Number of the batch, from 0.
    subset: 'a', 'b' or None.
  """
  paths = shards.find(data_dir, split)
  size, chosen = split_contents.part(
    data_dir, split, paths, subset, config.shares
  )
  names = split_contents.names_of(
    split_contents.undecoded(paths, chosen, config.seed)
  )
  if config.cache:
    names = names.cache()
  names = _shuffled(names, size, config.seed, config, repeat=True)
  chosen = names.skip(step * config.batch_size).take(config.batch_size)
  return [name.decode('utf-8') for name in chosen.as_numpy_iterator()]


def _shuffled(
  examples: tf.data.Dataset,
  size: int,
  seed: int,
  config: PipelineConfig,
  repeat: bool,
) -> tf.data.Dataset:
  """Examples in the order of training."""
  examples = examples.shuffle(
    min(config.shuffle_buffer, size), seed, reshuffle_each_iteration=True
  )
  return examples.repeat() if repeat else examples


def eval_dataset(
  data_dir: str | os.PathLike,
  split: str,
  info: dataset_info.DatasetInfo,
  config: PipelineConfig,
  crop_size: tuple[int, int] | None = None,
  held_out: bool = False,
  subset: str | None = None,
) -> tf.data.Dataset:
  """Every image of a split once, in order, unchanged but for padding.

  Args:
    data_dir: Directory of the shards.
    split: Name of the split, usually 'val'.
    info: Classes, ignore label, mean pixel and sizes.
    config: Its `batch_size` and `image_scale` count, and what is held out.
    crop_size: (height, width) to pad all images to, with the mean pixel and
      the ignore label. None pads to the largest image of the split, or, at
      batch size 1, not at all.
    held_out: Only what `config.held_out_fraction` holds out of the split.
    subset: 'a' or 'b' for one half of the split (see `subset_of`), or None.

  Returns:
    Batches of images float32 [B, H, W, 3] in [0, 255] and labels int32
    [B, H, W]; the last batch may be smaller.
  """
  paths = shards.find(data_dir, split)
  part = subsets.HELD_OUT if held_out else subset
  shares = config.shares if part else pipeline_config.Shares()
  _, names = split_contents.part(data_dir, split, paths, part, shares)
  if crop_size is None and config.batch_size == 1:
    padded = None
  else:
    largest = _scaled(max_size(data_dir, split, info), config.image_scale)
    padded = crop_size or largest
    errors.require(
      largest[0] <= padded[0] and largest[1] <= padded[1],
      f'The largest image of split {split} is {largest[0]} x {largest[1]},'
      f' which does not fit the evaluation size {padded[0]} x {padded[1]}.',
    )

  def finish(image, label):
    image, label = tf.cast(image, tf.float32), tf.cast(label, tf.int32)
    if padded is None:
      return image, label
    return preprocess.pad(image, label, *padded, _padding(info))

  return (
    _decoded(split_contents.undecoded(paths, names), info, config)
    .map(finish, tf.data.AUTOTUNE)
    .batch(config.batch_size)
    .prefetch(tf.data.AUTOTUNE)
    .with_options(_options())
  )


def whole_images(
  data_dir: str | os.PathLike,
  split: str,
  info: dataset_info.DatasetInfo,
  config: PipelineConfig,
  subset: str | None = None,
) -> tf.data.Dataset:
  """Every image that is trained on once, unchanged, in the seed's order.

  Args:
    data_dir: Directory of the shards.
    split: Name of the split.
    info: Classes and ignore label.
    config: Its `image_scale`, shuffling and seed count, and what is held out.
    subset: 'a', 'b' or None.

  Returns:
    Pairs of an image uint8 [H, W, 3] and labels uint8 [H, W].
  """
  paths = shards.find(data_dir, split)
  size, names = split_contents.part(
    data_dir, split, paths, subset, config.shares
  )
  seed = _seed(config)
  examples = _shuffled(
    split_contents.undecoded(paths, names, seed),
    size,
    seed,
    config,
    repeat=False,
  )
  return _decoded(examples, info, config).with_options(_options())


def _seed(config: PipelineConfig) -> int:
  if config.seed is not None:
    return config.seed
  return int(np.random.SeedSequence().generate_state(1)[0] >> 1)


def _decoded(examples, info, config: PipelineConfig) -> tf.data.Dataset:
  """Pairs of uint8 [H, W, 3] and uint8 [H, W], resized by `image_scale`."""

  def decode(features):
    image, label = _checked(features, info)
    if config.image_scale == 1.0:
      return image, label
    sides = [
      preprocess.scaled_size(side, config.image_scale)
      for side in tf.unstack(tf.shape(label))
    ]
    image, label = preprocess.resize(image, label, *sides, antialias=True)
    return tf.cast(tf.round(image), tf.uint8), label

  decode = kept_images.decoder(config.image_scale, decode)
  return examples.map(decode, tf.data.AUTOTUNE)


def _checked(features, info) -> tuple[tf.Tensor, tf.Tensor]:
  """Image and label of an example; fails where they do not fit."""
  image = example_schema.decode_image(features[example_schema.IMAGE])
  size = tf.shape(image)[:2]
  label = example_schema.decode_label(
    features[example_schema.LABEL], size, info.ignore_label
  )
  is_ignored = label == info.ignore_label
  largest = tf.reduce_max(tf.where(is_ignored, tf.zeros_like(label), label))
  name = features[example_schema.FILE_NAME]
  remedy = f'run {commands.name("check")} on this directory'
  checks = [
    tf.debugging.Assert(
      tf.reduce_all(size == tf.shape(label)),
      ['Image and label differ in size:', name, remedy],
    ),
    tf.debugging.Assert(
      largest < info.num_classes,
      [
        f'Label that is none of {info.num_classes} classes:',
        largest,
        'in',
        name,
        remedy,
      ],
    ),
  ]
  with tf.control_dependencies(checks):
    return tf.identity(image), tf.identity(label)


def _scaled(size: tuple[int, int], scale: float) -> tuple[int, int]:
  return tuple(int(preprocess.scaled_size(side, scale)) for side in size)


def _padding(info) -> preprocess.Padding:
  return preprocess.Padding(info.mean_pixel, info.ignore_label)


def _options() -> tf.data.Options:
  options = tf.data.Options()
  options.deterministic = True
  # Its thread sleeps for as long as the iterator has lived, a minute at most,
  # and may not wake when the iterator goes, which then waits. Without it,
  # AUTOTUNE stands for a thread on each core, 16 at most.
  options.autotune.enabled = False
  options.experimental_distribute.auto_shard_policy = (
    tf.data.experimental.AutoShardPolicy.DATA
  )
  return options
