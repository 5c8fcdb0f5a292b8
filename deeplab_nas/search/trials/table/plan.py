"""Which trials the table wants, in an order of which each beginning is useful.

Of each architecture all fidelities come together. Random architectures, the
first with a second seed, which say what is luck; grids of paths and cells,
which say what share of the variance each has; more of both; then the third and
fourth seeds.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np

from deeplab_nas.search.trials.table import protocol as protocol_lib
from deeplab_nas.search.trials.table import rows, space
from deeplab_nas.space import genotype as genotype_lib

NUM_RANDOM = 150
# Of these, how many (the first) have further seeds, and how many.
NUM_REPEATED = 20
MORE_SEEDS = 3
# Numbers of the grid's paths, cells and seeds, and of a smaller one in it.
GRID = (8, 6)
SMALL_GRID = (4, 3)
GRID_SEEDS = 2
# Random architectures before the smaller grid, and before the larger one.
_STAGES = (20, 60)
# Of the draws.
_RANDOM_SEED, _GRID_SEED = 1, 2


def randoms() -> list[genotype_lib.Genotype]:
  """Architectures drawn uniformly, all different."""
  rng, found = np.random.default_rng(_RANDOM_SEED), {}
  while len(found) < NUM_RANDOM:
    path = space.paths()[rng.integers(len(space.paths()))]
    cell = space.cells()[rng.integers(len(space.cells()))]
    found.setdefault(genotype_lib.Genotype(path, cell))
  return list(found)


def grid() -> tuple[list[tuple[int, ...]], list]:
  """The paths and the cells of the grid, drawn uniformly."""
  rng = np.random.default_rng(_GRID_SEED)
  return tuple(
    [choices[i] for i in rng.permutation(len(choices))[:count]]
    for choices, count in zip((space.paths(), space.cells()), GRID)
  )


def keys(protocol: protocol_lib.Protocol) -> Iterator[rows.Key]:
  """All trials in their order, each once."""
  seen = set()
  for genotype, seed in _trained():
    for steps in protocol.steps:
      key = rows.Key(genotype, steps, seed)
      if key not in seen:
        seen.add(key)
        yield key


def repeated() -> list[genotype_lib.Genotype]:
  """The random architectures that have further seeds."""
  return randoms()[:NUM_REPEATED]


def _trained() -> Iterator[tuple[genotype_lib.Genotype, int]]:
  """Architectures and seeds in their order, some more than once."""
  first, second = _STAGES
  yield from _random(0, first)
  yield from _grid(SMALL_GRID)
  yield from _random(first, second)
  yield from _grid(GRID)
  yield from _random(second, NUM_RANDOM)
  for seed in range(2, 1 + MORE_SEEDS):
    for genotype in repeated():
      yield genotype, seed


def _random(
  start: int, end: int
) -> Iterator[tuple[genotype_lib.Genotype, int]]:
  again = set(repeated())
  for genotype in randoms()[start:end]:
    yield genotype, 0
    if genotype in again:
      yield genotype, 1


def _grid(
  size: tuple[int, int],
) -> Iterator[tuple[genotype_lib.Genotype, int]]:
  paths, cells = grid()
  for seed in range(GRID_SEEDS):
    for path, cell in itertools.product(paths[: size[0]], cells[: size[1]]):
      yield genotype_lib.Genotype(path, cell), seed
