"""A genotype as categorical parameters, which optimisers of others want."""

from __future__ import annotations

from collections.abc import Mapping

from deeplab_nas.space import genotype as genotype_lib
from deeplab_nas.space import lattice, search_space

Parameters = dict[str, str]


def choices(space: search_space.SearchSpace) -> dict[str, tuple[str, ...]]:
  """The parameters and what each may be: L moves, and four for each block.

      choices(SearchSpace())['block_4_first_source']
      # ('prev', 'prev_prev', 'block_0', 'block_1', 'block_2', 'block_3')

  Any of their combinations is an architecture, see `decode`; some are the same
  one.
  """
  found = {
    f'layer_{layer + 1}': lattice.MOVE_NAMES
    for layer in range(space.lattice.num_layers)
  }
  names = tuple(p.name for p in space.cell.primitives if not p.is_none)
  for block in range(space.cell.num_blocks):
    sources = tuple(map(space.cell.source_name, space.cell.sources(block)))
    for term in ('first', 'second'):
      found[f'block_{block}_{term}_source'] = sources
      found[f'block_{block}_{term}_primitive'] = names
  return found


def encode(
  space: search_space.SearchSpace, genotype: genotype_lib.Genotype
) -> Parameters:
  """Parameters that `decode` makes this genotype of.

  Raises:
    ValueError: If the genotype is no element of the space.
  """
  parameters = {
    f'layer_{edge.target.layer}': lattice.MOVE_NAMES[edge.move]
    for edge in space.lattice.path_edges(genotype.path)
  }
  space.check(genotype)
  for block, terms in enumerate(genotype.cell):
    for term, connection in zip(('first', 'second'), terms):
      parameters[f'block_{block}_{term}_source'] = connection.source
      parameters[f'block_{block}_{term}_primitive'] = connection.primitive
  return parameters


def decode(
  space: search_space.SearchSpace, parameters: Mapping[str, str]
) -> genotype_lib.Genotype:
  """The architecture of any values of the parameters.

  A move beyond the finest or the coarsest level that a layer has stays at it. A
  second source that is the first one again is the next one of the block's.
  """
  path = ()
  for layer in range(space.lattice.num_layers):
    step = lattice.MOVE_NAMES.index(parameters[f'layer_{layer + 1}']) - 1
    level = (path[-1] if path else lattice.STEM.level) + step
    allowed = space.lattice.next_levels(path)
    path += (min(max(level, allowed[0]), allowed[-1]),)
  cell = []
  for block in range(space.cell.num_blocks):
    name = f'block_{block}'
    sources = list(map(space.cell.source_name, space.cell.sources(block)))
    first = parameters[f'{name}_first_source']
    second = parameters[f'{name}_second_source']
    if second == first:
      second = sources[(sources.index(first) + 1) % len(sources)]
    cell.append(
      (
        (first, parameters[f'{name}_first_primitive']),
        (second, parameters[f'{name}_second_primitive']),
      )
    )
  return genotype_lib.Genotype(path, tuple(cell))
