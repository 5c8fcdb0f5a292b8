"""A page of pictures: boxes for axes, lines of text, colours, and its file."""

from __future__ import annotations

import os
import pathlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, BinaryIO, NamedTuple, Union

import numpy as np

if TYPE_CHECKING:
  from matplotlib import axes as axes_lib
  from matplotlib import colors as colors_lib
  from matplotlib import figure as figure_lib

Target = Union[str, 'os.PathLike[str]', BinaryIO]

INK = '#1f2933'
FAINT = '#cbd2d9'
GREY = '#aab4be'
UNSEEN = 'the loss cannot see this weight'


class Box(NamedTuple):
  """Axes on a page: size with all of its margins, in inches."""

  width: float
  height: float
  left: float = 0.8
  top: float = 0.35
  bottom: float = 0.3

  def with_legend(self) -> Box:
    """The same, with room for a line below."""
    return self._replace(height=self.height + 0.25, bottom=self.bottom + 0.25)

  def up_to(self, other: Box) -> Box:
    """The same, stretched to where another one ends on the right."""
    end = max(self.left + self.width, other.left + other.width)
    return self._replace(width=end - self.left)


def lay_out(
  boxes: Sequence[Box], lines: Sequence[str]
) -> tuple[figure_lib.Figure, list[axes_lib.Axes]]:
  """A figure with lines of text, and axes below one another, on the left."""
  from matplotlib import figure as figure_lib

  head = 0.15 + 0.22 * len(lines)
  widest = max(map(len, lines)) * 0.085 + 0.3  # of a line at 10 points
  width = max(widest, *(0.15 + box.left + box.width for box in boxes))
  height = head + sum(box.height for box in boxes) + 0.1
  result = figure_lib.Figure((width, height), dpi=120, facecolor='white')
  for i, line in enumerate(lines):
    result.text(
      0.15 / width,
      1 - (0.1 + 0.22 * i) / height,
      line,
      **{'va': 'top', 'color': INK, 'fontsize': 10 if i else 12},
    )
  axes, top = [], head
  for box in boxes:
    bottom = top + box.height - box.bottom
    inside = bottom - top - box.top
    corner = (box.left / width, 1 - bottom / height)
    size = (box.width / width, inside / height)
    axes.append(result.add_axes((*corner, *size)))
    top += box.height
  return result, axes


def save(picture: figure_lib.Figure, target: Target) -> None:
  """Writes a .png or .svg file, or PNG to a stream.

  Raises:
    ValueError: If the file's name ends in something else.
  """
  if hasattr(target, 'write'):
    picture.savefig(target, format='png')
    return
  suffix = pathlib.Path(target).suffix.lower()
  if suffix not in ('.png', '.svg'):
    raise ValueError(
      f'{os.fspath(target)} ends in {suffix!r}; pictures are .png or .svg'
    )
  picture.savefig(target, format=suffix[1:])


def centered(values: np.ndarray, center: float) -> colors_lib.Normalize:
  """A center in the middle of the colours, the extremes at their ends."""
  from matplotlib import colors

  return colors.TwoSlopeNorm(
    center,
    vmin=min(float(values.min()), 0.9 * center),
    vmax=max(float(values.max()), 1.1 * center),
  )


def add_legend(axes: axes_lib.Axes, text: str) -> None:
  """A line below the axes, for which their box needs room."""
  axes.set_xlabel(text, loc='left', color=INK, fontsize=9)
