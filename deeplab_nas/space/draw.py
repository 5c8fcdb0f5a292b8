"""Pictures of architectures: figures for files, notebooks and TensorBoard.

Matplotlib is imported only by the functions that draw figures, and without
pyplot, so nothing global changes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from deeplab_nas.space import arch_weights, decode, search_space
from deeplab_nas.space import genotype as genotype_lib
from deeplab_nas.space.pictures import (
  alpha_picture,
  cell_picture,
  lattice_picture,
  page,
)

if TYPE_CHECKING:
  from matplotlib import figure as figure_lib


def save_picture(
  genotype: genotype_lib.Genotype, target: page.Target, caption: str = ''
) -> None:
  """Writes `figure` to a .png or .svg file, or as PNG to a stream."""
  page.save(figure(genotype, caption), target)


def save_weights_picture(
  weights: arch_weights.ArchWeights,
  space: search_space.SearchSpace,
  target: page.Target,
  caption: str = '',
) -> None:
  """Writes `weights_figure` to a .png or .svg file, or as PNG to a stream."""
  page.save(weights_figure(weights, space, caption), target)


def figure(
  genotype: genotype_lib.Genotype, caption: str = ''
) -> figure_lib.Figure:
  """The path through the lattice, and below it the cell as a graph.

  Args:
    genotype: The architecture, whose digest is on top.
    caption: Further lines, such as run and costs.
  """
  lattice = lattice_picture.lattice_of(genotype)
  cell = page.Box(
    0.58 * cell_picture.width(genotype),
    0.9 + 0.62 * (genotype.num_blocks + 1.3),
    left=0.1,
  )
  lines = [f'Architecture {genotype.digest}', *caption.splitlines()]
  result, (upper, lower) = page.lay_out(
    [lattice_picture.box(lattice, 0.7, 0.55).up_to(cell), cell], lines
  )
  lattice_picture.draw_path(upper, lattice, genotype.path)
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
  table = page.Box(
    1.15 * num_columns, 1.15 + 0.27 * num_rows, left=2.0, top=0.75, bottom=0.4
  )
  lines = [f'Decodes to {chosen.digest}', *caption.splitlines()]
  grid = lattice_picture.box(space.lattice, 1.1, 0.85).with_legend()
  result, (upper, lower) = page.lay_out(
    [grid.up_to(table), table.up_to(grid)], lines
  )
  lattice_picture.draw_beta(
    upper,
    np.asarray(weights.transition),
    space.lattice,
    chosen.path,
    space.paths,
  )
  alpha_picture.draw(lower, np.asarray(weights.op), space)
  return result
