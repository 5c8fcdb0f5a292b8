"""Street scenes in the layout of Cityscapes, of any number in short time."""

from __future__ import annotations

import os
import pathlib

import numpy as np
from PIL import Image

from deeplab_nas.data import palettes, street_scenes


def make(
  directory: pathlib.Path,
  counts: dict[str, int],
  size: tuple[int, int],
  num_drawn: int,
) -> None:
  """Draws some scenes, and gives their files further names for the others.

  Args:
    directory: To be made.
    counts: Scenes by split.
    size: (height, width).
    num_drawn: Different scenes; to draw one takes longer than to convert it.
  """
  drawn = []
  index = 0
  for split, count in counts.items():
    for _ in range(count):
      paths = _paths(directory, split, index)
      for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
      if len(drawn) < num_drawn:
        _draw(paths, index, size)
        drawn.append(paths)
      else:
        for old, new in zip(drawn[index % num_drawn], paths):
          os.link(old, new)
      index += 1


def _paths(directory: pathlib.Path, split: str, index: int):
  stem = f'northham_{index:06d}_000019'
  return (
    directory / 'leftImg8bit' / split / 'northham' / f'{stem}_leftImg8bit.png',
    directory / 'gtFine' / split / 'northham' / f'{stem}_gtFine_labelIds.png',
  )


def _draw(paths, index: int, size: tuple[int, int]) -> None:
  image, mask = street_scenes.draw(np.random.default_rng(index), *size)
  label_ids = np.zeros(256, np.uint8)  # 0: unlabelled
  label_ids[: len(palettes.CITYSCAPES_LABEL_IDS)] = (
    palettes.CITYSCAPES_LABEL_IDS
  )
  for path, pixels in zip(paths, (image, label_ids[mask])):
    Image.fromarray(pixels).save(path)
