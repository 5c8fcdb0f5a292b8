"""A sheet of samples: image, and image under its mask, with a legend."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from PIL import Image, ImageDraw

from deeplab_nas.data import dataset_info, palettes

_TILE = 320  # pixels, width of a picture
_LINE = 14  # pixels, height of a line of text
_OPACITY = 0.6
_LEGEND_COLUMNS = 4


def draw(
  samples: Iterable[tuple[str, np.ndarray, np.ndarray]],
  info: dataset_info.DatasetInfo,
) -> Image.Image:
  """Draws a row per sample and the colours of the classes below.

  Args:
    samples: (name, uint8 image [H, W, 3], integer label [H, W]) triples.
    info: Class names, palette and ignore label.
  """
  rows = [_row(*sample, info) for sample in samples]
  rows.append(_legend(info))
  sheet = Image.new('RGB', (2 * _TILE, sum(row.height for row in rows)))
  top = 0
  for row in rows:
    sheet.paste(row, (0, top))
    top += row.height
  return sheet


def overlay(
  image: np.ndarray, label: np.ndarray, info: dataset_info.DatasetInfo
) -> np.ndarray:
  """An image under the colours of its mask, darkened where that ignores.

  Args:
    image: uint8 [H, W, 3].
    label: integer [H, W].
    info: Palette and ignore label.

  Returns:
    uint8 [H, W, 3].
  """
  colours = palettes.colorize(label, info.palette)
  is_labelled = (label != info.ignore_label)[..., np.newaxis]
  mixed = (1 - _OPACITY) * image + _OPACITY * colours
  return np.where(is_labelled, mixed, image * 0.3).astype(np.uint8)


def _row(name: str, image, label, info) -> Image.Image:
  height = max(round(_TILE * image.shape[0] / image.shape[1]), 1)
  picture = Image.fromarray(image).resize((_TILE, height))
  small = Image.fromarray(label.astype(np.uint8)).resize(
    (_TILE, height), Image.Resampling.NEAREST
  )
  mixed = overlay(np.asarray(picture), np.asarray(small), info)
  row = Image.new('RGB', (2 * _TILE, height + _LINE))
  ImageDraw.Draw(row).text((2, 0), _plain(name), (255, 255, 255))
  row.paste(picture, (0, _LINE))
  row.paste(Image.fromarray(mixed), (_TILE, _LINE))
  return row


def _legend(info) -> Image.Image:
  lines = -(-info.num_classes // _LEGEND_COLUMNS)
  legend = Image.new('RGB', (2 * _TILE, _LINE * (lines + 1)))
  pen = ImageDraw.Draw(legend)
  column_width = 2 * _TILE // _LEGEND_COLUMNS
  for index, (name, colour) in enumerate(zip(info.class_names, info.palette)):
    left = index % _LEGEND_COLUMNS * column_width
    top = index // _LEGEND_COLUMNS * _LINE
    pen.rectangle((left + 2, top + 2, left + 11, top + 11), tuple(colour))
    pen.text((left + 16, top), f'{index} {_plain(name)}', (255, 255, 255))
  pen.text((2, _LINE * lines), 'dark: ignored', (255, 255, 255))
  return legend


def _plain(text: str) -> str:
  """Text in the characters that Pillow's built-in font has."""
  return text.encode('latin-1', 'replace').decode('latin-1')
