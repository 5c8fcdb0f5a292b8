"""Text and colour keys on pictures of pixels."""

from __future__ import annotations

import functools
import pathlib
from collections.abc import Iterable, Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from deeplab_nas.data import dataset_info

LINE = 16  # pixels, height of a line of text
_POINTS, _SWATCH, _SPACE = 11, 10, 14

Colour = tuple[int, int, int]


@functools.cache
def font() -> ImageFont.FreeTypeFont:
  """DejaVu Sans, which comes with matplotlib and knows most alphabets."""
  import matplotlib

  folder = pathlib.Path(matplotlib.get_data_path()) / 'fonts' / 'ttf'
  return ImageFont.truetype(str(folder / 'DejaVuSans.ttf'), _POINTS)


def fitting(text: str, width: int) -> str:
  """The text, or its end behind dots where it is wider than so many pixels.

  What cannot be drawn, such as a line break in the name of a folder, becomes a
  question mark.
  """
  text = ''.join(x if x.isprintable() else '?' for x in text)
  if font().getlength(text) <= width:
    return text
  while text and font().getlength(f'...{text}') > width:
    text = text[1:]
  return f'...{text}'


def of_classes(
  info: dataset_info.DatasetInfo, labels: Iterable[np.ndarray]
) -> list[tuple[str, Colour]]:
  """Number, name and colour of the classes that occur in some labels.

  Args:
    info: Class names, palette and ignore label.
    labels: Integers of any shape.
  """
  found = set()
  for label in labels:
    found.update(np.unique(label).tolist())
  return [
    (f'{i} {name}', tuple(colour))
    for i, (name, colour) in enumerate(zip(info.class_names, info.palette))
    if i in found and i != info.ignore_label
  ]


def draw(
  entries: Sequence[tuple[str, Colour]],
  width: int,
  background: Colour = (0, 0, 0),
  ink: Colour = (255, 255, 255),
) -> Image.Image:
  """Swatches with their text, in as many lines as they need.

  Args:
    entries: Text and colour of each.
    width: Of the picture, in pixels.
    background: Colour behind.
    ink: Colour of the text.
  """
  places, left, line = [], 4, 0
  for text, colour in entries:
    text = fitting(text, width - _SWATCH - 3 * 4)
    needed = _SWATCH + 4 + round(font().getlength(text))
    if left > 4 and left + needed > width:
      left, line = 4, line + 1
    places.append((left, line * LINE, text, colour))
    left += needed + _SPACE
  picture = Image.new('RGB', (width, LINE * (line + 1)), background)
  pen = ImageDraw.Draw(picture)
  for left, top, text, colour in places:
    box = (left, top + 3, left + _SWATCH, top + 3 + _SWATCH)
    pen.rectangle(box, colour, outline=ink)
    pen.text((left + _SWATCH + 4, top + 1), text, ink, font=font())
  return picture
