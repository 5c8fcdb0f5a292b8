"""Pictures of architectures: text, and figures for files and TensorBoard.

Matplotlib is imported only by the functions that draw figures, and without
pyplot, so nothing global changes.
"""

from __future__ import annotations

import collections
import os
import pathlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, BinaryIO, NamedTuple, Union

import numpy as np

from deeplab_nas.space import (
  arch_weights,
  canonical,
  cell_picture,
  cell_space,
  decode,
  search_space,
)
from deeplab_nas.space import genotype as genotype_lib
from deeplab_nas.space import lattice as lattice_lib
from deeplab_nas.space.decoding import visibility

if TYPE_CHECKING:
  from matplotlib import axes as axes_lib
  from matplotlib import colors as colors_lib
  from matplotlib import figure as figure_lib

Target = Union[str, 'os.PathLike[str]', BinaryIO]

_INK = '#1f2933'
_FAINT = '#cbd2d9'
_GREY = '#aab4be'
_UNSEEN = 'the loss cannot see this weight'
_COMPARED = 'of others it sees how those into one node compare'
_ACCENT = '#d1495b'
_LEVELS = ('#f2b5a7', '#f6d8a8', '#bfe0c8', '#b9d3ee')


def save_picture(
  genotype: genotype_lib.Genotype, target: Target, caption: str = ''
) -> None:
  """Writes `figure` to a .png or .svg file, or as PNG to a stream."""
  _save(figure(genotype, caption), target)


def save_weights_picture(
  weights: arch_weights.ArchWeights,
  space: search_space.SearchSpace,
  target: Target,
  caption: str = '',
) -> None:
  """Writes `weights_figure` to a .png or .svg file, or as PNG to a stream."""
  _save(weights_figure(weights, space, caption), target)


def figure(
  genotype: genotype_lib.Genotype, caption: str = ''
) -> figure_lib.Figure:
  """The path through the lattice, and below it the cell as a graph.

  Args:
    genotype: The architecture, whose digest is on top.
    caption: Further lines, such as run and costs.
  """
  lattice = _lattice_of(genotype)
  cell = _Box(
    0.58 * cell_picture.width(genotype),
    0.9 + 0.62 * (genotype.num_blocks + 1.3),
    left=0.1,
  )
  lines = [f'Architecture {genotype.digest}', *caption.splitlines()]
  result, (upper, lower) = _page(
    [_lattice_box(lattice, 0.7, 0.55).up_to(cell), cell], lines
  )
  _draw_path(upper, lattice, genotype.path)
  cell_picture.draw(lower, genotype)
  return result


def weights_figure(
  weights: arch_weights.ArchWeights,
  space: search_space.SearchSpace,
  caption: str = '',
) -> figure_lib.Figure:
  """Relaxed weights: beta on the lattice's edges, alpha as a heat map.

  Colours are centred on what all weights are at the start of a search: 1 / K
  for alpha, 1 / exits of the node for beta. What decoding would choose now is
  marked; blocks have the names that they have in its picture. Weights that the
  loss of a search cannot see are grey: dashed lines and hatched cells.

  Args:
    weights: Arrays `op` [E, K] and `transition` [L, S, 3].
    space: The search space whose axes they have.
    caption: Further lines on top, such as the run and the epoch.
  """
  chosen = decode.decode(weights, space)
  num_rows, num_columns = len(space.cell.edges), len(space.cell.primitives)
  table = _Box(
    1.15 * num_columns, 1.15 + 0.27 * num_rows, left=2.0, top=0.75, bottom=0.4
  )
  lines = [f'Decodes to {chosen.digest}', *caption.splitlines()]
  grid = _lattice_box(space.lattice, 1.1, 0.85).with_legend()
  result, (upper, lower) = _page([grid.up_to(table), table.up_to(grid)], lines)
  _draw_beta(upper, np.asarray(weights.transition), space.lattice, chosen.path)
  _draw_alpha(lower, np.asarray(weights.op), space)
  return result


class _Box(NamedTuple):
  """Axes on a page: size with all of its margins, in inches."""

  width: float
  height: float
  left: float = 0.8
  top: float = 0.35
  bottom: float = 0.3

  def with_legend(self) -> _Box:
    """The same, with room for a line below."""
    return self._replace(height=self.height + 0.25, bottom=self.bottom + 0.25)

  def up_to(self, other: _Box) -> _Box:
    """The same, stretched to where another one ends on the right."""
    end = max(self.left + self.width, other.left + other.width)
    return self._replace(width=end - self.left)


def _page(
  boxes: Sequence[_Box], lines: Sequence[str]
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
      **{'va': 'top', 'color': _INK, 'fontsize': 10 if i else 12},
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


def _lattice_box(
  lattice: lattice_lib.Lattice, column: float, row: float
) -> _Box:
  """Room for columns and rows of so many inches."""
  return _Box(
    column * (lattice.num_layers + 1.2), 0.65 + row * lattice.num_levels
  )


def _lattice_of(genotype: genotype_lib.Genotype) -> lattice_lib.Lattice:
  """The lattice to show a path in: the usual strides, or more if it has."""
  num_levels = max(lattice_lib.Lattice().num_levels, max(genotype.path) + 1)
  strides = tuple(4 * 2**level for level in range(num_levels))
  return lattice_lib.Lattice(genotype.num_layers, strides)


def _save(picture: figure_lib.Figure, target: Target) -> None:
  if hasattr(target, 'write'):
    picture.savefig(target, format='png')
    return
  suffix = pathlib.Path(target).suffix.lower()
  if suffix not in ('.png', '.svg'):
    raise ValueError(
      f'{os.fspath(target)} ends in {suffix!r}; pictures are .png or .svg'
    )
  picture.savefig(target, format=suffix[1:])


def _style_lattice(
  axes: axes_lib.Axes, lattice: lattice_lib.Lattice, title: str
) -> None:
  axes.set_title(title, loc='left', color=_INK, fontsize=12)
  axes.set_xlim(-0.6, lattice.num_layers + 0.6)
  axes.set_ylim(lattice.num_levels - 0.4, -0.6)
  axes.set_yticks(
    range(lattice.num_levels), [f'stride {s}' for s in lattice.strides]
  )
  layers = range(1, lattice.num_layers + 1)
  axes.set_xticks([0, *layers], ['stem', *map(str, layers)])
  axes.tick_params(length=0, labelcolor=_INK)
  axes.spines[:].set_visible(False)


def _draw_nodes(
  axes: axes_lib.Axes, lattice: lattice_lib.Lattice, path: tuple[int, ...]
) -> None:
  on_path = set(enumerate(path, start=1)) | {lattice_lib.STEM}
  for node in (lattice_lib.STEM, *lattice.nodes):
    is_on = node in on_path
    axes.plot(
      *node,
      's' if node == lattice_lib.STEM else 'o',
      markersize=15 if is_on else 9,
      color=_LEVELS[node.level % len(_LEVELS)] if is_on else 'white',
      markeredgecolor=_INK if is_on else _FAINT,
      markeredgewidth=1.4,
      zorder=3,
    )


def _draw_path(
  axes: axes_lib.Axes, lattice: lattice_lib.Lattice, path: tuple[int, ...]
) -> None:
  _style_lattice(axes, lattice, 'Path')
  for source, target in lattice.edges:
    axes.plot(*zip(source, target), color=_FAINT, linewidth=0.8, zorder=1)
  for source, target in lattice.path_edges(path):
    axes.annotate(
      '',
      xy=target,
      xytext=source,
      arrowprops={
        'arrowstyle': '-|>',
        'mutation_scale': 16,
        'color': _ACCENT,
        'linewidth': 2.4,
        'shrinkA': 8,
        'shrinkB': 9,
      },
      zorder=2,
    )
  _draw_nodes(axes, lattice, path)


def _draw_beta(
  axes: axes_lib.Axes,
  edge_probs: np.ndarray,
  lattice: lattice_lib.Lattice,
  path: tuple[int, ...],
) -> None:
  import matplotlib

  _style_lattice(
    axes,
    lattice,
    'beta; grey: 1 / exits, red: more, blue: less; filled: the decoded path',
  )
  on_path = set(lattice.path_edges(path))
  exits = collections.Counter(edge.source for edge in lattice.edges)
  ratios = {
    edge: float(edge_probs[edge.index]) * exits[edge.source]
    for edge in lattice.edges
  }
  norm = _norm(np.array(list(ratios.values())), 1.0)
  colormap = matplotlib.colormaps['coolwarm']
  seen = visibility.seen_transitions(lattice)
  if not all(seen[edge.index] for edge in lattice.edges):
    _add_legend(axes, f'dashed: {_UNSEEN}; {_COMPARED}')
  for edge, ratio in ratios.items():
    (x, y), (end_x, end_y) = edge.source, edge.target
    is_seen = seen[edge.index]
    axes.plot(
      *zip(edge.source, edge.target),
      color=colormap(norm(ratio if is_seen else 1.0)),
      linewidth=1 + 2.5 * min(ratio, 2),
      linestyle='-' if is_seen else '--',
      solid_capstyle='round',
      zorder=2 if edge in on_path else 1,
    )
    axes.text(
      x + 0.32 * (end_x - x),
      y + 0.32 * (end_y - y),
      f'{edge_probs[edge.index]:.2f}',
      **{'ha': 'center', 'va': 'center', 'fontsize': 6.5, 'color': _INK},
      bbox={'facecolor': 'white', 'edgecolor': 'none', 'pad': 0.6},
      zorder=4,
    )
  _draw_nodes(axes, lattice, path)


def _norm(values: np.ndarray, center: float) -> colors_lib.Normalize:
  """A center in the middle of the colours, the extremes at their ends."""
  from matplotlib import colors

  return colors.TwoSlopeNorm(
    center,
    vmin=min(float(values.min()), 0.9 * center),
    vmax=max(float(values.max()), 1.1 * center),
  )


def _draw_alpha(
  axes: axes_lib.Axes, op_probs: np.ndarray, space: search_space.SearchSpace
) -> None:
  cell = space.cell
  seen = visibility.seen_operations(space)
  if space.partial_channels == 1:
    seen &= visibility.seen_alpha(cell)
  chosen = decode.decode_cell(op_probs, cell)
  names = _names_in_picture(chosen)
  axes.set_title(
    'alpha; grey: 1 / K, red: more, blue: less; framed: the decoded cell',
    **{'loc': 'left', 'color': _INK, 'fontsize': 12},
  )
  # With partial channels a row sums to less than 1, the weight of its edge.
  center = max(float(op_probs.sum()) / op_probs.size, 1e-6)
  image = axes.imshow(
    op_probs, cmap='coolwarm', norm=_norm(op_probs, center), aspect='auto'
  )
  axes.set_xticks(
    range(len(cell.primitives)), [p.name for p in cell.primitives]
  )
  axes.set_yticks(
    range(len(cell.edges)),
    [
      f'{names.get(cell.source_name(source), cell.source_name(source))}'
      f' -> {names[f"block_{block}"]}'
      for source, block in cell.edges
    ],
  )
  axes.tick_params(length=0, labelcolor=_INK, labelsize=8.5)
  axes.xaxis.tick_top()
  axes.spines[:].set_visible(False)
  for (row, column), value in np.ndenumerate(op_probs):
    brightness = np.dot(image.to_rgba(value)[:3], (0.3, 0.59, 0.11))
    is_dark = brightness < 0.45 and seen[row, column]
    axes.text(
      column,
      row,
      f'{value:.3f}',
      **{'ha': 'center', 'va': 'center', 'fontsize': 7.5},
      color='white' if is_dark else _INK,
    )
  for block in range(1, cell.num_blocks):
    axes.axhline(cell.edge_index(0, block) - 0.5, color=_INK, linewidth=0.8)
  if not seen.all():
    _hatch(axes, ~seen)
  _frame(axes, chosen, cell)


def _hatch(axes: axes_lib.Axes, unseen: np.ndarray) -> None:
  """Greys the cells of a heat map that are True, and says what that means."""
  from matplotlib import collections as collections_lib
  from matplotlib import patches

  cells = [
    patches.Rectangle((column - 0.5, row - 0.5), 1, 1)
    for row, column in np.argwhere(unseen)
  ]
  hatched = collections_lib.PatchCollection(
    cells, facecolor='#eef1f4', edgecolor=_GREY, hatch='////', linewidth=0
  )
  axes.add_collection(hatched, autolim=False)
  _add_legend(axes, f'hatched: {_UNSEEN}')


def _add_legend(axes: axes_lib.Axes, text: str) -> None:
  axes.set_xlabel(text, loc='left', color=_INK, fontsize=9)


def _names_in_picture(cell: tuple[genotype_lib.Block, ...]) -> dict[str, str]:
  """For each block of the supernet, its name in the genotype's picture."""
  return {
    f'block_{block}': f'block_{i}'
    for i, block in enumerate(canonical.block_order(cell))
  }


def _frame(
  axes: axes_lib.Axes,
  chosen: tuple[genotype_lib.Block, ...],
  cell: cell_space.CellSpace,
) -> None:
  """Frames the weights that decoding chooses."""
  from matplotlib import patches

  names = [primitive.name for primitive in cell.primitives]
  for block, connections in enumerate(chosen):
    for source, primitive in connections:
      row = cell.edge_index(cell_space.source_names(block).index(source), block)
      corner = (names.index(primitive) - 0.47, row - 0.45)
      axes.add_patch(
        patches.Rectangle(
          corner, 0.94, 0.9, fill=False, edgecolor=_INK, linewidth=2
        )
      )
