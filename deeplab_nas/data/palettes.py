"""Class names, ids and colours of known datasets, and colouring of masks."""

from __future__ import annotations

import colorsys
from collections.abc import Sequence

import numpy as np

Palette = tuple  # of (red, green, blue) integers in 0..255, one per class

# Train id order, as the Cityscapes scripts and DeepLab use it.
CITYSCAPES = (
  ('road', (128, 64, 128)),
  ('sidewalk', (244, 35, 232)),
  ('building', (70, 70, 70)),
  ('wall', (102, 102, 156)),
  ('fence', (190, 153, 153)),
  ('pole', (153, 153, 153)),
  ('traffic light', (250, 170, 30)),
  ('traffic sign', (220, 220, 0)),
  ('vegetation', (107, 142, 35)),
  ('terrain', (152, 251, 152)),
  ('sky', (70, 130, 180)),
  ('person', (220, 20, 60)),
  ('rider', (255, 0, 0)),
  ('car', (0, 0, 142)),
  ('truck', (0, 0, 70)),
  ('bus', (0, 60, 100)),
  ('train', (0, 80, 100)),
  ('motorcycle', (0, 0, 230)),
  ('bicycle', (119, 11, 32)),
)

# `*_labelIds.png` value of each train id; every other id up to 33 is ignored.
CITYSCAPES_LABEL_IDS = (
  7,
  8,
  11,
  12,
  13,
  17,
  19,
  20,
  21,
  22,
  23,
  24,
  25,
  26,
  27,
  28,
  31,
  32,
  33,
)
CITYSCAPES_NUM_LABEL_IDS = 34

PASCAL_VOC_CLASSES = (
  'background',
  'aeroplane',
  'bicycle',
  'bird',
  'boat',
  'bottle',
  'bus',
  'car',
  'cat',
  'chair',
  'cow',
  'diningtable',
  'dog',
  'horse',
  'motorbike',
  'person',
  'pottedplant',
  'sheep',
  'sofa',
  'train',
  'tvmonitor',
)


def pascal_voc_palette(num_classes: int) -> Palette:
  """The colours of the Pascal VOC devkit: index bits spread over RGB bits."""
  colours = []
  for index in range(num_classes):
    colour = [0, 0, 0]
    for bit in range(8):
      for channel in range(3):
        colour[channel] |= ((index >> (3 * bit + channel)) & 1) << (7 - bit)
    colours.append(tuple(colour))
  return tuple(colours)


def distinct_palette(num_classes: int) -> Palette:
  """Distinct colours by golden-ratio hues, for datasets without colours."""
  colours = []
  for index in range(num_classes):
    hue = (index * 0.618033988749895) % 1.0
    value = 0.95 - 0.35 * (index // 8 % 3) / 2
    rgb = colorsys.hsv_to_rgb(hue, 0.75 - 0.2 * (index % 2), value)
    colours.append(tuple(round(255 * channel) for channel in rgb))
  return tuple(colours)


def colorize(mask: np.ndarray, palette: Sequence) -> np.ndarray:
  """Paints an index mask.

  Args:
    mask: integer [H, W] of class indices; others (the ignore label) turn black.
    palette: One (red, green, blue) per class.

  Returns:
    uint8 [H, W, 3].
  """
  table = np.zeros([256, 3], np.uint8)
  table[: len(palette)] = np.asarray(palette, np.uint8)
  return table[np.clip(mask, 0, 255)]
