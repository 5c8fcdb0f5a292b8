"""Alpha as a heat map: rows are edges of the cell, columns primitives."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from deeplab_nas.space import canonical, cell_space, decode, search_space
from deeplab_nas.space import genotype as genotype_lib
from deeplab_nas.space.decoding import visibility
from deeplab_nas.space.pictures import page

if TYPE_CHECKING:
  from matplotlib import axes as axes_lib


def draw(
  axes: axes_lib.Axes, op_probs: np.ndarray, space: search_space.SearchSpace
) -> None:
  """Alpha by edge and primitive, and the decoded cell.

  Args:
    axes: Empty ones.
    op_probs: [E, K].
    space: Whose edges and primitives these are.
  """
  cell = space.cell
  seen = visibility.seen_operations(space)
  if space.partial_channels == 1:
    seen &= visibility.seen_alpha(cell)
  chosen = decode.decode_cell(op_probs, cell)
  names = _names_in_picture(chosen)
  axes.set_title(
    'alpha; grey: 1 / K, red: more, blue: less; framed: the decoded cell',
    **{'loc': 'left', 'color': page.INK, 'fontsize': 12},
  )
  # With partial channels a row sums to less than 1, the weight of its edge.
  center = max(float(op_probs.sum()) / op_probs.size, 1e-6)
  image = axes.imshow(
    op_probs,
    cmap='coolwarm',
    norm=page.centered(op_probs, center),
    aspect='auto',
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
  axes.tick_params(length=0, labelcolor=page.INK, labelsize=8.5)
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
      color='white' if is_dark else page.INK,
    )
  for block in range(1, cell.num_blocks):
    axes.axhline(cell.edge_index(0, block) - 0.5, color=page.INK, linewidth=0.8)
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
    cells, facecolor='#eef1f4', edgecolor=page.GREY, hatch='////', linewidth=0
  )
  axes.add_collection(hatched, autolim=False)
  page.add_legend(axes, f'hatched: {page.UNSEEN}')


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
          corner, 0.94, 0.9, fill=False, edgecolor=page.INK, linewidth=2
        )
      )
