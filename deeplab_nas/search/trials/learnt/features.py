"""Numbers that describe an architecture, for what learns from trials."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence

import numpy as np

from deeplab_nas.space import cell_space, search_space
from deeplab_nas.space import genotype as genotype_lib

# Kinds of sources: both inputs of the cell, and earlier blocks.
_KINDS = (cell_space.PREV, cell_space.PREV_PREV, 'block')
# Columns that say most of an architecture in a few numbers.
_COARSE = (
  'convolutions',
  'fewest convolutions',
  'most convolutions',
  'large windows',
  'skips',
  'mean level',
  'last level',
  'share of level 0',
  'turns',
)
# Of all others together, in squared distances, where these have 1.
_FINE_WEIGHT = 0.3
_LARGE_WINDOW = 5


class Features:
  """Simple features of a space's architectures.

      features = Features(space)
      features(genotypes).shape    # (len(genotypes), len(features.names))

  Of the path: the share of each level, the level of each layer, the mean and
  the last level, moves to a coarser and to a finer stride, and turns from one
  to the other. Of the cell: the share of each primitive, of each kind of
  source, and of each primitive on each kind of source; the depth of its blocks.
  And of both together, in a few numbers: the share of operations that have
  weights, how many of them a signal passes from the inputs of the cell to a
  block at least and at most, in the mean over blocks, the share of 5x5 windows
  and of skips.
  All are roughly within [0, 1], but for what `more` gives.

  Attributes:
    names: Of the columns.
    weights: float64 [len(names)], how much each column counts in the squared
      distance of two architectures: ten that say most as much as three times
      all others; see g3doc/strategies.md.
  """

  def __init__(
    self,
    space: search_space.SearchSpace,
    more: dict[str, Callable[[genotype_lib.Genotype], float]] | None = None,
  ):
    """Names the columns.

    Args:
      space: Of the architectures.
      more: Further features, such as the log of the cells' multiply-adds or a
        score that needs no training.
    """
    self._space = space
    self._more = dict(more or {})
    self._by_name = {p.name: p for p in space.cell.primitives if not p.is_none}
    self._primitives = list(self._by_name)
    levels = range(space.lattice.num_levels)
    layers = range(1, space.lattice.num_layers + 1)
    self.names = (
      *(f'share of level {level}' for level in levels),
      *(f'level of layer {layer}' for layer in layers),
      *('mean level', 'last level', 'moves down', 'moves up', 'turns'),
      *(f'share of {name}' for name in self._primitives),
      *(f'share from {kind}' for kind in _KINDS),
      *(f'{p} from {k}' for p in self._primitives for k in _KINDS),
      *('depth', 'mean depth'),
      *('convolutions', 'fewest convolutions', 'most convolutions'),
      *('large windows', 'skips'),
      *self._more,
    )
    coarsest = f'share of level {space.lattice.num_levels - 1}'
    is_coarse = np.isin(self.names, [*_COARSE, coarsest])
    self.weights = np.where(
      is_coarse, 1 / is_coarse.sum(), _FINE_WEIGHT / (~is_coarse).sum()
    )
    self._row = functools.lru_cache(maxsize=100_000)(self._computed)

  def __call__(self, genotypes: Sequence[genotype_lib.Genotype]) -> np.ndarray:
    """One row for each architecture, float64 [N, len(names)]."""
    rows = [self._row(genotype) for genotype in genotypes]
    return np.array(rows, float).reshape(len(rows), len(self.names))

  def _computed(self, genotype: genotype_lib.Genotype) -> tuple[float, ...]:
    more = (feature(genotype) for feature in self._more.values())
    return (
      *self._of_path(genotype.path),
      *self._of_cell(genotype.cell),
      *self._of_convolutions(genotype.cell),
      *more,
    )

  def _of_path(self, path: tuple[int, ...]) -> list[float]:
    num_levels, length = self._space.lattice.num_levels, len(path)
    top = max(num_levels - 1, 1)
    moves = np.diff(path, prepend=0)
    directions = moves[moves != 0]
    turns = np.count_nonzero(np.diff(directions))
    return [
      *(np.bincount(path, minlength=num_levels) / length),
      *(level / top for level in path),
      np.mean(path) / top,
      path[-1] / top,
      *(np.count_nonzero(moves == step) / length for step in (1, -1)),
      turns / length,
    ]

  def _of_cell(self, cell: tuple[genotype_lib.Block, ...]) -> list[float]:
    table = np.zeros([len(self._primitives), len(_KINDS)])
    depths = {}
    for block, terms in enumerate(cell):
      for source, primitive in terms:
        kind = source if source in _KINDS else 'block'
        table[self._primitives.index(primitive), _KINDS.index(kind)] += 1
      below = max(depths.get(source, 0) for source, _ in terms)
      depths[f'block_{block}'] = below + 1
    table /= 2 * len(cell)
    deep = list(depths.values())
    return [
      *table.sum(1),
      *table.sum(0),
      *table.ravel(),
      max(deep) / len(cell),
      math.fsum(deep) / len(deep) / len(cell),
    ]

  def _of_convolutions(
    self, cell: tuple[genotype_lib.Block, ...]
  ) -> list[float]:
    """What has weights, and how much of it is passed on the way to a block."""
    passed = {cell_space.PREV: (0, 0), cell_space.PREV_PREV: (0, 0)}
    count = large = skips = 0
    for block, terms in enumerate(cell):
      ways = []
      for source, name in terms:
        primitive = self._by_name[name]
        learns = not primitive.is_parameter_free
        count += learns
        large += learns and primitive.kernel_size >= _LARGE_WINDOW
        skips += primitive.kind == 'skip'
        ways.append([way + learns for way in passed[source]])
      fewest, most = zip(*ways)
      passed[f'block_{block}'] = min(fewest), max(most)
    blocks = list(passed.values())[2:]
    terms = 2 * len(cell)
    return [
      count / terms,
      *(np.mean(blocks, axis=0) / len(cell)),
      large / terms,
      skips / terms,
    ]
