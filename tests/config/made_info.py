"""Descriptions of made-up data sets, from tiny to enormous."""

import dataclasses

from deeplab_nas.data import dataset_info

CITYSCAPES = (
  0.369,
  0.061,
  0.228,
  0.0066,
  0.0088,
  0.0123,
  0.0021,
  0.0055,
  0.159,
  0.0116,
  0.04,
  0.0122,
  0.0014,
  0.07,
  0.0027,
  0.0024,
  0.0023,
  0.001,
  0.0041,
)


def made(num_images, size, shares, num_val=4, ignore_label=255):
  """A description of images of one size, with classes of these shares."""

  def split(count):
    pixels = tuple(int(share * count * size[0] * size[1]) for share in shares)
    return dataset_info.SplitInfo(
      count, 1, size, size, pixels, largest_image=size
    )

  splits = {'train': split(num_images), 'val': split(num_val)}
  return dataset_info.DatasetInfo(
    'made',
    tuple(f'class_{i}' for i in range(len(shares))),
    tuple((i % 256, 0, 0) for i in range(len(shares))),
    ignore_label,
    {name: each for name, each in splits.items() if each.num_examples},
  )


def tall_and_wide(short, long):
  """A description of 100 images, half of short x long and half of its turn."""

  def split(count):
    half = count * short * long // 2
    return dataset_info.SplitInfo(
      count,
      1,
      (long, long),
      (short, short),
      (half, half),
      largest_image=(short, long),
    )

  info = made(80, (short, long), (0.5, 0.5))
  return dataclasses.replace(
    info, splits={'train': split(80), 'val': split(20)}
  )


DATA = {
  'six tiny images': made(6, (48, 64), (0.8, 0.2), num_val=1),
  'cracks': made(94, (320, 480), (0.985, 0.015), num_val=24),
  'large cracks': made(94, (1080, 1920), (0.99, 0.01), num_val=24),
  'cityscapes': made(2975, (1024, 2048), CITYSCAPES, num_val=500),
  'wide': made(40, (64, 20000), (0.7, 0.3)),
  'tall': made(40, (66000, 16), (0.7, 0.3)),
  'both': made(40, (20000, 20000), (0.7, 0.3)),
  'many classes': made(9000, (512, 683), (1 / 255,) * 255, ignore_label=0),
  'smaller than a stride': made(12, (20, 28), (0.9, 0.1), num_val=3),
  'a pixel': made(2, (1, 1), (0.5, 0.5), num_val=1),
  'panoramas, turned or not': tall_and_wide(400, 1600),
  'photos': made(60, (4000, 3000), (0.5, 0.5)),
  'no validation': made(200, (200, 300), (0.5, 0.5), num_val=0),
}
