"""Pictures of architectures: text, and figures for files and TensorBoard.

Matplotlib is imported only by the functions that draw figures, and without
pyplot, so nothing global changes.
"""

from __future__ import annotations

import os
import pathlib
from typing import TYPE_CHECKING, BinaryIO, Union

import numpy as np

from deeplab_nas.space import (
  arch_weights,
  cell_picture,
  cell_space,
  decode,
  search_space,
)
from deeplab_nas.space import genotype as genotype_lib
from deeplab_nas.space import lattice as lattice_lib

if TYPE_CHECKING:
  from matplotlib import axes as axes_lib
  from matplotlib import figure as figure_lib

Target = Union[str, 'os.PathLike[str]', BinaryIO]

_INK = '#1f2933'
_FAINT = '#cbd2d9'
_ACCENT = '#d1495b'
_BASE = '#2f6690'
_LEVELS = ('#f2b5a7', '#f6d8a8', '#bfe0c8', '#b9d3ee')


def save_picture(genotype: genotype_lib.Genotype, target: Target) -> None:
  """Writes `figure(genotype)` to a .png or .svg file, or as PNG to a stream."""
  _save(figure(genotype), target)


def save_weights_picture(
  weights: arch_weights.ArchWeights,
  space: search_space.SearchSpace,
  target: Target,
) -> None:
  """Writes `weights_figure` to a .png or .svg file, or as PNG to a stream."""
  _save(weights_figure(weights, space), target)


def figure(genotype: genotype_lib.Genotype) -> figure_lib.Figure:
  """The path through the lattice, and below it the cell as a graph."""
  lattice = _lattice_of(genotype)
  heights = [1.2 + 0.55 * lattice.num_levels, 1.6 + 0.62 * genotype.num_blocks]
  result = _new_figure(0.58 * cell_picture.width(genotype), sum(heights))
  upper, lower = result.subplots(2, 1, gridspec_kw={'height_ratios': heights})
  _draw_path(upper, lattice, genotype.path)
  cell_picture.draw(lower, genotype)
  return result


def weights_figure(
  weights: arch_weights.ArchWeights, space: search_space.SearchSpace
) -> figure_lib.Figure:
  """Relaxed weights: beta on the lattice's edges, alpha as a heat map.

  What decoding would choose now is marked.

  Args:
    weights: Arrays `op` [E, K] and `transition` [L, S, 3].
    space: The search space whose axes they have.
  """
  chosen = decode.decode(weights, space)
  heights = [
    1.2 + 0.55 * space.lattice.num_levels,
    1.4 + 0.27 * len(space.cell.edges),
  ]
  result = _new_figure(12, sum(heights))
  upper, lower = result.subplots(2, 1, gridspec_kw={'height_ratios': heights})
  _draw_beta(upper, np.asarray(weights.transition), space.lattice, chosen.path)
  _draw_alpha(lower, np.asarray(weights.op), space.cell)
  return result


def _lattice_of(genotype: genotype_lib.Genotype) -> lattice_lib.Lattice:
  """The lattice to show a path in: the usual strides, or more if it has."""
  num_levels = max(lattice_lib.Lattice().num_levels, max(genotype.path) + 1)
  strides = tuple(4 * 2**level for level in range(num_levels))
  return lattice_lib.Lattice(genotype.num_layers, strides)


def _new_figure(width: float, height: float) -> figure_lib.Figure:
  from matplotlib import figure as figure_lib

  return figure_lib.Figure(
    figsize=(width, height), dpi=120, layout='constrained', facecolor='white'
  )


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
  axes.set_xlim(-0.7, max(lattice.num_layers, 6) + 0.6)
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
  _style_lattice(
    axes,
    lattice,
    'beta: the thicker, the more likely a move; filled: the path it decodes to',
  )
  on_path = set(lattice.path_edges(path))
  for edge in lattice.edges:
    weight = float(edge_probs[edge.index])
    axes.plot(
      *zip(edge.source, edge.target),
      color=_ACCENT if edge in on_path else _BASE,
      alpha=min(1, 0.12 + 0.88 * weight),
      linewidth=0.4 + 6 * weight,
      solid_capstyle='round',
      zorder=2 if edge in on_path else 1,
    )
  _draw_nodes(axes, lattice, path)


def _draw_alpha(
  axes: axes_lib.Axes, op_probs: np.ndarray, cell: cell_space.CellSpace
) -> None:
  from matplotlib import patches

  axes.set_title(
    'alpha: weight of every operation; framed: the cell it decodes to',
    loc='left',
    color=_INK,
    fontsize=12,
  )
  strongest = max(float(op_probs.max()), 1e-6)
  image = axes.imshow(
    op_probs, cmap='Blues', vmin=0, vmax=strongest, aspect='auto'
  )
  axes.figure.colorbar(image, ax=axes, fraction=0.03, pad=0.01)
  axes.set_xticks(
    range(len(cell.primitives)), [p.name for p in cell.primitives]
  )
  axes.set_yticks(range(len(cell.edges)), map(cell.edge_name, cell.edges))
  axes.tick_params(length=0, labelcolor=_INK, labelsize=8.5)
  axes.xaxis.tick_top()
  axes.spines[:].set_visible(False)
  for (row, column), value in np.ndenumerate(op_probs):
    color = 'white' if value > 0.6 * strongest else _INK
    axes.text(
      column,
      row,
      f'{value:.3f}',
      **{'ha': 'center', 'va': 'center', 'fontsize': 7.5, 'color': color},
    )
  for block in range(1, cell.num_blocks):
    axes.axhline(cell.edge_index(0, block) - 0.5, color=_INK, linewidth=0.8)
  names = [primitive.name for primitive in cell.primitives]
  for block, connections in enumerate(decode.decode_cell(op_probs, cell)):
    for source, primitive in connections:
      row = cell.edge_index(cell_space.source_names(block).index(source), block)
      corner = (names.index(primitive) - 0.47, row - 0.45)
      axes.add_patch(
        patches.Rectangle(
          corner, 0.94, 0.9, fill=False, edgecolor=_ACCENT, linewidth=2
        )
      )
