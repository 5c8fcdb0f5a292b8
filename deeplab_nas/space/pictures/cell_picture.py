"""The cell as a graph: boxes for blocks, wires for the states they read.

A state has a row and a colour, a depth has a column. Wires leave along their
row and turn just before the column they lead to, so they cross no box.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from deeplab_nas.space import cell_space
from deeplab_nas.space import genotype as genotype_lib
from deeplab_nas.space import primitives as primitives_lib
from deeplab_nas.space.pictures import page

if TYPE_CHECKING:
  from matplotlib import axes as axes_lib

_STATES = (
  '#2f6690',
  '#e08e1b',
  '#3a7d44',
  '#8f5db7',
  '#17828f',
  '#c2185b',
  '#7a5c3e',
  '#5f6b2d',
  '#b3541e',
  '#455a64',
  '#6a1b9a',
  '#00695c',
)
# Fill of an operation, by the kind of its primitive.
_KINDS = {
  'sep_conv': '#dcebf7',
  'atrous_conv': '#fde8d0',
  'dil_conv': '#fde8d0',
  'max_pool': '#e3f1e1',
  'avg_pool': '#e3f1e1',
}

_BOX = (3.4, 0.8)  # width and height
_OPERATION = (2.15, 0.32)
_GUTTER = 1.25
_INPUTS_END = 0.8


def width(genotype: genotype_lib.Genotype) -> float:
  """Of the cell's picture, where an operation is about 2 wide."""
  return _left(max(_depths(genotype)) + 1) + 1.6


def draw(axes: axes_lib.Axes, genotype: genotype_lib.Genotype) -> None:
  """Draws the cell of a genotype into empty axes."""
  depths = _depths(genotype)
  names = cell_space.source_names(genotype.num_blocks)
  axes.set_title('Cell', loc='left', color=page.INK, fontsize=12)
  axes.set_xlim(-0.8, width(genotype) - 0.8)
  axes.set_ylim(len(names) - 0.3, -0.6)
  axes.set_axis_off()
  for source, name in enumerate(names[:2]):
    _draw_name(axes, (0.0, source), name, source)
  for block, terms in enumerate(genotype.cell):
    corner = (_left(depths[block]), block + 2 - _BOX[1] / 2)
    _draw_block(axes, block, terms, corner)
  for (source, block), term in _terms(genotype):
    start = _INPUTS_END if source < 2 else _right(depths[source - 2])
    row = block + 1.8 + 0.4 * term
    _draw_wire(axes, source, start, (_left(depths[block]), row))
  _draw_output(axes, depths)


def _depths(genotype: genotype_lib.Genotype) -> list[int]:
  """Of each block, 1 for those that read only the cell's inputs."""
  depths = [1] * genotype.num_blocks
  for (source, block), _ in genotype.edges():
    if source >= 2:
      depths[block] = max(depths[block], depths[source - 2] + 1)
  return depths


def _terms(genotype: genotype_lib.Genotype) -> list:
  """(edge, 0 or 1 for the first or second term of its block)."""
  return [(edge, i % 2) for i, (edge, _) in enumerate(genotype.edges())]


def _left(depth: int) -> float:
  """Left edge of the boxes of a depth."""
  return _INPUTS_END + _GUTTER + (depth - 1) * (_BOX[0] + _GUTTER)


def _right(depth: int) -> float:
  return _left(depth) + _BOX[0]


def _color(source: int) -> str:
  return _STATES[source % len(_STATES)]


def _draw_name(
  axes: axes_lib.Axes, center: tuple[float, float], name: str, source: int
) -> None:
  style = {'color': _color(source), 'fontsize': 8.5, 'fontweight': 'bold'}
  axes.text(*center, name, ha='center', va='center', zorder=5, **style)


def _draw_block(
  axes: axes_lib.Axes,
  block: int,
  terms: genotype_lib.Block,
  corner: tuple[float, float],
) -> None:
  left, top = corner
  _draw_box(axes, corner, _BOX, 'white', _color(block + 2))
  for term, (_, name) in enumerate(terms):
    fill = _KINDS.get(primitives_lib.BY_NAME[name].kind, 'white')
    middle = top + 0.2 + 0.4 * term
    place = (left + 0.1, middle - _OPERATION[1] / 2)
    _draw_box(axes, place, _OPERATION, fill, page.FAINT)
    center = (left + 0.1 + _OPERATION[0] / 2, middle)
    style = {'color': page.INK, 'fontsize': 8.2}
    axes.text(*center, name, ha='center', va='center', zorder=5, **style)
  center = (left + (0.1 + _OPERATION[0] + _BOX[0]) / 2, top + _BOX[1] / 2)
  _draw_name(axes, center, f'block_{block}', block + 2)


def _draw_box(
  axes: axes_lib.Axes,
  corner: tuple[float, float],
  size: tuple[float, float],
  fill: str,
  edge: str,
) -> None:
  from matplotlib import patches

  style = patches.BoxStyle.Round(pad=0, rounding_size=0.08)
  axes.add_patch(
    patches.FancyBboxPatch(
      corner, *size, boxstyle=style, facecolor=fill, edgecolor=edge, zorder=4
    )
  )


def _draw_wire(
  axes: axes_lib.Axes, source: int, start: float, end: tuple[float, float]
) -> None:
  """From x = `start` along the row of its source, then down to `end`."""
  x, row = end
  turn = x - 0.25 - 0.09 * source
  style = {'color': _color(source), 'linewidth': 1.6}
  axes.plot([start, turn, turn, x], [source, source, row, row], **style)
  axes.plot(turn, source, 'o', color=_color(source), markersize=4)
  axes.plot(x - 0.05, row, '>', color=_color(source), markersize=5)


def _draw_output(axes: axes_lib.Axes, depths: list[int]) -> None:
  """Every block's wire into the concatenation, the cell's output."""
  left, last = _left(max(depths) + 1), len(depths) + 1
  _draw_box(axes, (left, 1.6), (0.5, last - 1.2), '#eef1f4', page.INK)
  center = (left + 0.25, (last + 2) / 2)
  style = {'color': page.INK, 'fontsize': 8.2, 'rotation': 90}
  axes.text(*center, 'concat', ha='center', va='center', zorder=5, **style)
  for block, depth in enumerate(depths):
    row = block + 2
    style = {'color': _color(row), 'linewidth': 1.6}
    axes.plot([_right(depth), left], [row, row], **style)
    axes.plot(left - 0.05, row, '>', color=_color(row), markersize=5)
