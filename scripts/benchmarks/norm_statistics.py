"""Measures a network with batch-norm statistics of crops and of whole images.

  python -m scripts.benchmarks.norm_statistics --steps=240
  python -m scripts.benchmarks.norm_statistics --momentum=0.99 --epsilon=0.1

Trains on drawn photographs of cracks in asphalt, of which one in twelve has a
shadow that no other has, and prints for each choice of statistics: validation
loss (mean and that of the worst image), mean IoU, and the largest value of the
last cell (in the median image and in the worst).
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import tensorflow as tf
from PIL import Image, ImageDraw

from deeplab_nas.config import config as config_lib
from deeplab_nas.data import preprocess
from deeplab_nas.nn.network import network as network_lib
from deeplab_nas.space import genotype_source
from deeplab_nas.train import build, recalibration
from deeplab_nas.train import trainer as trainer_lib

_BATCH = 4


class Photographs(NamedTuple):
  """uint8 images [N, H, W, 3] and masks [N, H, W], 1 where a crack is."""

  images: np.ndarray
  masks: np.ndarray


class Measured(NamedTuple):
  """Of the validation images, in the order of the table's columns."""

  loss: float
  worst_loss: float
  miou: float
  median_range: float
  worst_range: float


def draw(seed: int, count: int, size: tuple[int, int]) -> Photographs:
  """Grey texture with thin dark lines; every twelfth has a shadow, too."""
  rng = np.random.default_rng(seed)
  pairs = [_draw_one(rng, size, index % 12 == 0) for index in range(count)]
  return Photographs(*(np.stack(each) for each in zip(*pairs)))


def _draw_one(
  rng: np.random.Generator, size: tuple[int, int], has_shadow: bool
) -> tuple[np.ndarray, np.ndarray]:
  height, width = size
  grains = rng.normal(0, 1, size)
  for axis in (0, 1):
    grains = grains + 0.6 * np.roll(grains, 1, axis)
  grey = rng.uniform(95, 150) + rng.uniform(8, 14) * grains / grains.std()
  if has_shadow:
    left = rng.integers(width // 2)
    grey[:, left : left + width // 4] *= 0.25
  mask = Image.new('L', (2 * width, 2 * height))
  points = [(0.0, rng.uniform(0.2, 1.8) * height)]
  while points[-1][0] < 2 * width:
    x, y = points[-1]
    points.append((x + rng.uniform(6, 20), y + rng.normal(0, 8)))
  ImageDraw.Draw(mask).line(points, 255, int(rng.integers(3, 8)))
  covered = np.asarray(mask.resize((width, height), Image.Resampling.BOX)) / 255
  grey *= 1 - rng.uniform(0.35, 0.65) * covered
  pixels = grey[..., np.newaxis] + rng.normal(0, 1.5, (*size, 3))
  return np.clip(pixels, 0, 255).astype(np.uint8), np.uint8(covered > 0.5)


def crops(photographs: Photographs, size: int) -> tf.data.Dataset:
  """Endless augmented crops [_BATCH, size, size, 3], the same each time."""

  def augment(index, pair):
    seeds = tf.random.experimental.stateless_split(
      tf.stack([tf.constant(7, tf.int64), index]), 3
    )
    scale = preprocess.random_scale(seeds[0], 0.75, 1.5, 0.25)
    image, mask = preprocess.random_window(*pair, scale, (size, size), seeds[1])
    image, mask = preprocess.random_flip(
      tf.cast(image, tf.float32), tf.cast(mask, tf.int32), seeds[2]
    )
    return tf.ensure_shape(image, [size, size, 3]), tf.ensure_shape(
      mask, [size, size]
    )

  examples = tf.data.Dataset.from_tensor_slices(tuple(photographs))
  examples = examples.shuffle(len(photographs.images), seed=0).repeat()
  return examples.enumerate().map(augment).batch(_BATCH)


def whole(photographs: Photographs, seed: int | None = None) -> tf.data.Dataset:
  """Batches of whole images [_BATCH, H, W, 3]; the seed is of their order."""
  images, masks = photographs
  order = np.arange(len(images))
  if seed is not None:
    np.random.default_rng(seed).shuffle(order)
  return tf.data.Dataset.from_tensor_slices(
    (images[order].astype(np.float32), masks[order].astype(np.int32))
  ).batch(_BATCH)


class Measure:
  """Measures a network with the statistics that it has at the time."""

  def __init__(self, network: network_lib.DerivedNetwork, val: tf.data.Dataset):
    self._network, self._val = network, val
    self._infer = tf.function(self._inferred, autograph=False)

  def __call__(self) -> Measured:
    entropy = tf.nn.sparse_softmax_cross_entropy_with_logits
    iou = tf.keras.metrics.MeanIoU(2, sparse_y_pred=False)
    losses, ranges = [], []
    for images, masks in self._val:
      logits, largest = self._infer(images)
      losses.extend(tf.reduce_mean(entropy(masks, logits), [1, 2]).numpy())
      ranges.extend(largest.numpy())
      iou.update_state(masks, logits)
    return Measured(
      np.mean(losses),
      max(losses),
      float(iou.result()),
      np.median(ranges),
      max(ranges),
    )

  def _inferred(self, images: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Logits, and the largest value of each image's last cell."""
    points = self._network.end_points(images)
    logits = tf.image.resize(points['logits'], tf.shape(images)[1:3])
    return logits, tf.reduce_max(points['features'], [1, 2, 3])


def rows(args: argparse.Namespace) -> Iterator[tuple[str, Measured]]:
  """Trains, then measures with one choice of statistics after the other."""
  train = draw(0, args.images, args.size)
  val = whole(draw(1, args.val_images, args.size))
  batches = crops(train, args.crop)
  network = _trained(args, batches, train.masks.mean())
  measure = Measure(network, val)
  yield f'moving, momentum {args.momentum:g}', measure()
  again = recalibration.Recalibration(network, lambda: batches.take(20))
  again.run()
  yield '20 batches of crops', measure()
  for count in (1, 5):
    again.batches = lambda n=count: whole(train, seed=1).take(n)
    again.run()
    yield f'{count} of whole images', measure()


def _trained(
  args: argparse.Namespace, batches: tf.data.Dataset, share: float
) -> network_lib.DerivedNetwork:
  """A network of two classes, the second of which has that share of pixels."""
  tf.keras.utils.set_random_seed(args.seed)
  config = config_lib.NetworkConfig(
    filter_multiplier=args.filters,
    separable_head=True,
    aspp_rates=(3, 6, 9),
    batch_norm_momentum=args.momentum,
  )
  network = build.build(config, genotype_source.find(args.genotype), 2)
  for layer in network.submodules:
    if args.epsilon and isinstance(layer, tf.keras.layers.BatchNormalization):
      layer.epsilon = args.epsilon
  trainer = trainer_lib.Trainer(
    network,
    config_lib.TrainConfig(gradient_clip=5.0),
    args.steps,
    (0.5 / (1 - share), 0.5 / share),
  )
  trainer.fit(batches, steps_per_epoch=args.steps, verbose=0)
  return network


def main(argv: list[str] | None = None) -> None:
  parser = argparse.ArgumentParser(
    description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
  )
  parser.add_argument(
    '--genotype', default='deeplabv3', help='file, or name in the zoo'
  )
  parser.add_argument('--steps', type=int, default=240)
  parser.add_argument('--momentum', type=float, default=0.9)
  parser.add_argument('--epsilon', type=float, help='of all norms')
  parser.add_argument('--filters', type=float, default=8)
  parser.add_argument('--crop', type=int, default=161)
  parser.add_argument('--images', type=int, default=118)
  parser.add_argument('--val_images', type=int, default=15)
  parser.add_argument(
    '--size', type=int, nargs=2, default=(320, 480), help='height and width'
  )
  parser.add_argument('--seed', type=int, default=0)
  print('| statistics | loss | worst | mIoU | last cell | worst |')
  print('|---|---|---|---|---|---|')
  for name, of in rows(parser.parse_args(argv)):
    print(
      f'| {name} | {of.loss:.2f} | {of.worst_loss:.2f} | {of.miou:.3f} |'
      f' {of.median_range:.3g} | {of.worst_range:.3g} |',
      flush=True,
    )


if __name__ == '__main__':
  main()
