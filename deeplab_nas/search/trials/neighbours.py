"""The architectures one change away from another, and all that a space has."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from deeplab_nas.space import genotype as genotype_lib
from deeplab_nas.space import search_space


def neighbours(
  space: search_space.SearchSpace, genotype: genotype_lib.Genotype
) -> tuple[genotype_lib.Genotype, ...]:
  """All that `SearchSpace.mutate` may return, each once, in a fixed order.

  The level of one layer, or the source or the primitive of one connection, is
  another one.

  Args:
    space: Where the neighbours are.
    genotype: An element of the space.

  Raises:
    ValueError: If the genotype is no element of the space.
  """
  space.check(genotype)
  changed = itertools.chain(
    (
      genotype_lib.Genotype(path, genotype.cell)
      for path in _detours(space, genotype.path)
    ),
    (
      genotype_lib.Genotype(genotype.path, cell)
      for cell in _rewirings(space, genotype.cell)
    ),
  )
  unique = dict.fromkeys(changed)
  unique.pop(genotype, None)  # two blocks that change places are no change
  return tuple(unique)


def count(space: search_space.SearchSpace) -> int:
  """An upper bound of how many architectures `every` gives."""
  return space.cell.num_decodable_cells * space.lattice.num_paths


def every(space: search_space.SearchSpace) -> Iterator[genotype_lib.Genotype]:
  """All architectures that `SearchSpace.random` draws from, each once.

  For small spaces: a set of all cells is held.
  """
  found = cells(space)
  for path in space.lattice.paths():
    for cell in found:
      yield genotype_lib.Genotype(path, cell)


def cells(
  space: search_space.SearchSpace,
) -> tuple[tuple[genotype_lib.Block, ...], ...]:
  """The cells of `every`, each once, in its canonical order."""
  found = {}
  names = _primitives(space)
  blocks = [
    [
      tuple(zip(pair, primitives))
      for pair in itertools.combinations(_sources(space, block), 2)
      for primitives in itertools.product(names, repeat=2)
    ]
    for block in range(space.cell.num_blocks)
  ]
  first = next(space.lattice.paths())
  for cell in itertools.product(*blocks):
    found.setdefault(genotype_lib.Genotype(first, cell).cell)
  return tuple(found)


def _detours(
  space: search_space.SearchSpace, path: tuple[int, ...]
) -> Iterator[tuple[int, ...]]:
  for layer, step in itertools.product(range(len(path)), (-1, 1)):
    detour = path[:layer] + (path[layer] + step,) + path[layer + 1 :]
    if space.lattice.is_path(detour):
      yield detour


def _rewirings(
  space: search_space.SearchSpace, cell: tuple[genotype_lib.Block, ...]
) -> Iterator[tuple[genotype_lib.Block, ...]]:
  for block, terms in enumerate(cell):
    for kept, changed in (terms, terms[::-1]):
      sources = (
        genotype_lib.Connection(source, changed.primitive)
        for source in _sources(space, block)
        if source not in (kept.source, changed.source)
      )
      primitives = (
        genotype_lib.Connection(changed.source, name)
        for name in _primitives(space)
        if name != changed.primitive
      )
      for connection in itertools.chain(sources, primitives):
        yield cell[:block] + ((kept, connection),) + cell[block + 1 :]


def _sources(space: search_space.SearchSpace, block: int) -> list[str]:
  return [space.cell.source_name(s) for s in space.cell.sources(block)]


def _primitives(space: search_space.SearchSpace) -> list[str]:
  return [p.name for p in space.cell.primitives if not p.is_none]
