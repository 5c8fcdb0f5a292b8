"""Images on which an exported model is compared with the one in memory."""

from __future__ import annotations

import math
import os
import pathlib
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from deeplab_nas.data import (
  dataset_info,
  example_schema,
  image_files,
  shards,
  street_scenes,
)

# (height, width): the smallest there is, odd ones, and longer one way.
SYNTHETIC_SIZES = ((1, 1), (65, 129), (150, 97))


def synthetic() -> list[np.ndarray]:
  """Drawn street scenes of odd sizes, uint8 [H, W, 3] each; always the same."""
  rng = np.random.default_rng(0)
  return [street_scenes.draw(rng, *size)[0] for size in SYNTHETIC_SIZES]


def of_split(data_dir: str, split: str, count: int) -> list[np.ndarray]:
  """The first images of a split, or none if the data is not there."""
  if not (data_dir and split and count and os.path.isdir(data_dir)):
    return []
  if split not in shards.splits_in(data_dir):
    return []
  paths = [os.fspath(path) for path in shards.find(data_dir, split)]
  return [
    example_schema.parse_example(record)['image'].numpy()
    for record in tf.data.TFRecordDataset(paths).take(count)
  ]


def of_files(paths: Sequence[str | os.PathLike]) -> list[np.ndarray]:
  """The images in files, upright, as prediction reads them."""
  return [_decoded(pathlib.Path(path)) for path in paths]


def typical_size(info: dataset_info.DatasetInfo) -> tuple[int, int]:
  """(height, width) of the largest known image, else DeepLab's 513 x 513."""
  sizes = [
    split.largest_image or split.max_size for split in info.splits.values()
  ]
  return max(sizes, key=math.prod, default=(513, 513))


def _decoded(path: pathlib.Path) -> np.ndarray:
  image_files.refuse_large(path)
  contents = image_files.read(os.fspath(path)).encoded
  return example_schema.decode_image(contents).numpy()
