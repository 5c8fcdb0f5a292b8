"""The space of the table: 233 paths, 648 cells, 150,984 architectures."""

from __future__ import annotations

import functools

from deeplab_nas.search.trials import neighbours
from deeplab_nas.space import cell_space, lattice, primitives, search_space
from deeplab_nas.space import genotype as genotype_lib

SPACE = search_space.SearchSpace(
  cell_space.CellSpace(2, primitives.HB1_PRIMITIVES),
  lattice.Lattice(6),
)


@functools.cache
def paths() -> tuple[tuple[int, ...], ...]:
  """The paths of the space, in lexical order."""
  return tuple(sorted(SPACE.lattice.paths()))


@functools.cache
def cells() -> tuple[tuple[genotype_lib.Block, ...], ...]:
  """The cells of the space, each in its canonical order, in lexical order."""
  return tuple(sorted(neighbours.cells(SPACE)))
