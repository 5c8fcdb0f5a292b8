"""Encodings of architectures by the paths through them, for kernels.

Reference:
  White et al., BANANAS, Sec. 4, https://arxiv.org/abs/1910.11858
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Sequence

import numpy as np

from deeplab_nas.space import cell_space, search_space
from deeplab_nas.space import genotype as genotype_lib

# Primitives of a path at the most: longer ones are left out, as in BANANAS.
LONGEST = 2


class PathEncoding:
  """Which paths an architecture has, as zeros and ones.

      encoding = PathEncoding(space)
      encoding(genotypes).shape    # (len(genotypes), len(encoding.names))

  Of the cell: each way from one of its inputs through one or two primitives to
  a block, as all blocks are outputs. Of the network: the level of each layer.

  Differs from BANANAS, whose networks are cells alone and whose paths end at
  the one output of a cell.

  Attributes:
    names: Of the columns.
  """

  def __init__(self, space: search_space.SearchSpace):
    primitives = [p.name for p in space.cell.primitives if not p.is_none]
    ways = itertools.chain.from_iterable(
      itertools.product((cell_space.PREV, cell_space.PREV_PREV), *repeated)
      for repeated in ([primitives] * n for n in range(1, LONGEST + 1))
    )
    self.names = (
      *(
        f'level {level} in layer {layer}'
        for layer in range(1, space.lattice.num_layers + 1)
        for level in space.lattice.levels(layer)
      ),
      *(' > '.join(way) for way in ways),
    )
    self._columns = {name: i for i, name in enumerate(self.names)}
    self._row = functools.lru_cache(maxsize=100_000)(self._computed)

  def __call__(self, genotypes: Sequence[genotype_lib.Genotype]) -> np.ndarray:
    """One row for each architecture, float64 [N, len(names)]."""
    rows = np.zeros([len(genotypes), len(self.names)])
    for row, genotype in zip(rows, genotypes):
      row[list(self._row(genotype))] = 1
    return rows

  def _computed(self, genotype: genotype_lib.Genotype) -> tuple[int, ...]:
    found = {
      f'level {level} in layer {layer}'
      for layer, level in enumerate(genotype.path, 1)
    }
    ways = {source: {(source,)} for source in cell_space.source_names(0)}
    for block, terms in enumerate(genotype.cell):
      ways[f'block_{block}'] = {
        (*way, primitive)
        for source, primitive in terms
        for way in ways[source]
        if len(way) <= LONGEST
      }
      found |= {' > '.join(way) for way in ways[f'block_{block}']}
    return tuple(sorted(self._columns[name] for name in found))
