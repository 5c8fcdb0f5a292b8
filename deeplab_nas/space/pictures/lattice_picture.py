"""The lattice: layers to the right, strides downwards; a path, or beta."""

from __future__ import annotations

import collections
from typing import TYPE_CHECKING

import numpy as np

from deeplab_nas.space import genotype as genotype_lib
from deeplab_nas.space import lattice as lattice_lib
from deeplab_nas.space import search_space
from deeplab_nas.space.decoding import visibility
from deeplab_nas.space.pictures import page

if TYPE_CHECKING:
  from matplotlib import axes as axes_lib

_ACCENT = '#d1495b'
_LEVELS = ('#f2b5a7', '#f6d8a8', '#bfe0c8', '#b9d3ee')
_COMPARED = 'of others it sees how those into one node compare'


def box(lattice: lattice_lib.Lattice, column: float, row: float) -> page.Box:
  """Room for columns and rows of so many inches."""
  return page.Box(
    column * (lattice.num_layers + 1.2), 0.65 + row * lattice.num_levels
  )


def lattice_of(genotype: genotype_lib.Genotype) -> lattice_lib.Lattice:
  """The lattice to show a path in: the usual strides, or more if it has."""
  num_levels = max(lattice_lib.Lattice().num_levels, max(genotype.path) + 1)
  strides = tuple(4 * 2**level for level in range(num_levels))
  return lattice_lib.Lattice(genotype.num_layers, strides)


def _style(
  axes: axes_lib.Axes, lattice: lattice_lib.Lattice, title: str
) -> None:
  axes.set_title(title, loc='left', color=page.INK, fontsize=12)
  axes.set_xlim(-0.6, lattice.num_layers + 0.6)
  axes.set_ylim(lattice.num_levels - 0.4, -0.6)
  axes.set_yticks(
    range(lattice.num_levels), [f'stride {s}' for s in lattice.strides]
  )
  layers = range(1, lattice.num_layers + 1)
  axes.set_xticks([0, *layers], ['stem', *map(str, layers)])
  axes.tick_params(length=0, labelcolor=page.INK)
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
      markeredgecolor=page.INK if is_on else page.FAINT,
      markeredgewidth=1.4,
      zorder=3,
    )


def draw_path(
  axes: axes_lib.Axes, lattice: lattice_lib.Lattice, path: tuple[int, ...]
) -> None:
  """A path over the edges that there are, into empty axes."""
  _style(axes, lattice, 'Path')
  for source, target in lattice.edges:
    axes.plot(*zip(source, target), color=page.FAINT, linewidth=0.8, zorder=1)
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


def draw_beta(
  axes: axes_lib.Axes,
  edge_probs: np.ndarray,
  lattice: lattice_lib.Lattice,
  path: tuple[int, ...],
  paths: str = search_space.LOCAL,
) -> None:
  """Beta on the edges of the lattice, and the decoded path.

  Args:
    axes: Empty ones.
    edge_probs: [L, S, 3].
    lattice: Whose edges these are.
    path: What decoding would choose.
    paths: See `SearchSpace`.
  """
  import matplotlib

  _style(
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
  norm = page.centered(np.array(list(ratios.values())), 1.0)
  colormap = matplotlib.colormaps['coolwarm']
  seen = visibility.seen_transitions(lattice, paths)
  if not all(seen[edge.index] for edge in lattice.edges):
    page.add_legend(axes, f'dashed: {page.UNSEEN}; {_COMPARED}')
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
      **{'ha': 'center', 'va': 'center', 'fontsize': 6.5, 'color': page.INK},
      bbox={'facecolor': 'white', 'edgecolor': 'none', 'pad': 0.6},
      zorder=4,
    )
  _draw_nodes(axes, lattice, path)
