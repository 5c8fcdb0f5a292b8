"""A sheet of samples: image, and image under its mask, with a legend."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from PIL import Image, ImageDraw

from deeplab_nas.data import dataset_info, legend, palettes

_TILE = 320  # pixels, the longer side of a picture
_GAP = 6  # pixels between pairs of pictures
_OPACITY, _BACKGROUND_OPACITY = 0.6, 0.15
_BACKGROUNDS = ('background', '_background_', 'bg', 'backgr.', 'hintergrund')
_INK = (255, 255, 255)

Sample = tuple[str, np.ndarray, np.ndarray]


def draw(
  samples: Iterable[Sample], info: dataset_info.DatasetInfo
) -> Image.Image:
  """Draws a grid of pairs, and the colours of the classes that occur below.

  Args:
    samples: (name, uint8 image [H, W, 3], integer label [H, W]) triples.
    info: Class names, palette and ignore label.
  """
  samples = list(samples)
  pairs = [_pair(*sample, info) for sample in samples]
  columns = 1 if len(pairs) < 3 else 2 if len(pairs) < 9 else 3
  rows = [pairs[i : i + columns] for i in range(0, len(pairs), columns)]
  width = (2 * _TILE + _GAP) * columns - _GAP
  entries = legend.of_classes(info, (label for _, _, label in samples))
  if any((label == info.ignore_label).any() for _, _, label in samples):
    entries.append(('dark: ignored', (0, 0, 0)))
  key = legend.draw(entries, width)
  heights = [max(pair.height for pair in row) for row in rows]
  sheet = Image.new('RGB', (width, sum(heights) + key.height))
  top = 0
  for row, height in zip(rows, heights):
    for column, pair in enumerate(row):
      sheet.paste(pair, (column * (2 * _TILE + _GAP), top))
    top += height
  sheet.paste(key, (0, top))
  return sheet


def thinned(
  image: np.ndarray, label: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
  """Copies of no more pixels than a picture needs.

  Args:
    image: uint8 [H, W, 3].
    label: integer [H, W].

  Returns:
    Every n-th row and column of both.
  """
  step = max(max(label.shape) // _TILE, 1)
  return image[::step, ::step].copy(), label[::step, ::step].copy()


def overlay(
  image: np.ndarray, label: np.ndarray, info: dataset_info.DatasetInfo
) -> np.ndarray:
  """An image under the colours of its mask, darkened where that ignores.

  A class that is called background lets most of the image through.

  Args:
    image: uint8 [H, W, 3].
    label: integer [H, W].
    info: Class names, palette and ignore label.

  Returns:
    uint8 [H, W, 3].
  """
  colours = palettes.colorize(label, info.palette)
  is_labelled = (label != info.ignore_label)[..., np.newaxis]
  opacities = np.full(256, _OPACITY)
  for i, name in enumerate(info.class_names):
    if name.strip().lower() in _BACKGROUNDS:
      opacities[i] = _BACKGROUND_OPACITY
  opacity = opacities[np.asarray(label, np.uint8)][..., np.newaxis]
  mixed = (1 - opacity) * image + opacity * colours
  return np.where(is_labelled, mixed, image * 0.3).astype(np.uint8)


def _pair(name: str, image, label, info) -> Image.Image:
  """The image and its overlay, side by side below the name."""
  scale = _TILE / max(image.shape[:2])
  height, width = (max(round(scale * side), 1) for side in image.shape[:2])
  picture = Image.fromarray(image).resize((width, height))
  small = Image.fromarray(label.astype(np.uint8)).resize(
    (width, height), Image.Resampling.NEAREST
  )
  mixed = overlay(np.asarray(picture), np.asarray(small), info)
  pair = Image.new('RGB', (2 * _TILE, height + legend.LINE))
  ImageDraw.Draw(pair).text(
    (2, 1), legend.fitting(name, 2 * _TILE - 4), _INK, font=legend.font()
  )
  pair.paste(picture, (0, legend.LINE))
  pair.paste(Image.fromarray(mixed), (width, legend.LINE))
  return pair
