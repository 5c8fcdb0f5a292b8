"""Cell space x lattice, and how wide each level is.

Reference:
  Auto-DeepLab, Sec. 3, https://arxiv.org/abs/1901.02985
"""

from __future__ import annotations

import dataclasses
import numbers

import numpy as np

from deeplab_nas.space import cell_space as cell_space_lib
from deeplab_nas.space import genotype as genotype_lib
from deeplab_nas.space import lattice as lattice_lib
from deeplab_nas.space import primitives as primitives_lib
from deeplab_nas.space import widths

# How a search spreads its weight over paths.
LOCAL, GLOBAL = 'local', 'global'
PATHS = (LOCAL, GLOBAL)


@dataclasses.dataclass(frozen=True)
class SearchSpace:
  """Everything that one search may find.

      space = SearchSpace()
      space.filters(level=2)            # 32: filters of one block at stride 16
      space.random(np.random.default_rng(0)) in space   # True

  Attributes:
    cell: The space of cells.
    lattice: The space of paths.
    filter_multiplier: F, 8 in the paper's search and 20 / 32 / 48 in its
      networks S / M / L. A fraction, such as 20.5, is for derived networks
      alone: a supernet needs a whole number.
    partial_channels: K: a search's mixed operations see 1/K of the channels,
      as in PC-DARTS. What may be found does not depend on it.
    stem_filters: Filters of the three convolutions of a search's stem; None
      for 8F, 8F and 16F, the paper's at its F = 8. Derived networks have a
      stem of their own, `widths.NetworkWidths`.
    shared_kernels: Whether an operation of a block has one set of kernels in a
      search, whichever source it reads, not one for each edge. What may be
      found does not depend on it.
    paths: How a search weighs transitions: 'local', by a softmax over the moves
      out of each node, or 'global', by one over whole paths, see
      `decoding.path_logits`. What may be found does not depend on it.
  """

  cell: cell_space_lib.CellSpace = cell_space_lib.CellSpace()
  lattice: lattice_lib.Lattice = lattice_lib.Lattice()
  filter_multiplier: float = 8
  partial_channels: int = 1
  stem_filters: tuple[int, int, int] | None = None
  shared_kernels: bool = False
  paths: str = LOCAL

  def __post_init__(self):
    widths.check_filter_multiplier(self.filter_multiplier)
    value = self.partial_channels
    if not isinstance(value, numbers.Integral) or value < 1:
      raise ValueError(
        f'partial_channels is {value}, expected a whole number, at least 1'
      )
    if self.paths not in PATHS:
      raise ValueError(
        f'paths is {self.paths!r}, expected {" or ".join(PATHS)}'
      )
    if self.stem_filters is not None:
      filters = widths.checked_stem_filters(self.stem_filters)
      object.__setattr__(self, 'stem_filters', filters)

  @property
  def has_global_paths(self) -> bool:
    """Whether a search has one distribution over whole paths."""
    return self.paths == GLOBAL

  def check_supernet(self) -> None:
    """Raises a ValueError if no supernet has this width."""
    if self.filter_multiplier != int(self.filter_multiplier):
      raise ValueError(
        f'filter_multiplier is {self.filter_multiplier}; a supernet needs a'
        ' whole number, fractions are for derived networks'
      )

  @property
  def supernet_stem(self) -> tuple[int, int, int]:
    """Filters of the three convolutions of a search's stem."""
    if self.stem_filters is not None:
      return self.stem_filters
    f = int(self.filter_multiplier)
    return 8 * f, 8 * f, 16 * f

  def filters(self, level: int) -> int:
    """Filters of one block: F at stride 4, doubled with every stride."""
    return widths.block_filters(self.filter_multiplier, level)

  def node_filters(self, level: int) -> int:
    """Filters of a node, the concatenation of its blocks: B * F * s / 4."""
    return self.cell.num_blocks * self.filters(level)

  @classmethod
  def containing(
    cls, genotype: genotype_lib.Genotype, filter_multiplier: float = 20
  ) -> SearchSpace:
    """A space that holds a genotype: its layers and blocks, all primitives.

    Raises:
      ValueError: If the path goes below the coarsest stride.
    """
    space = cls(
      cell_space_lib.CellSpace(
        genotype.num_blocks, tuple(primitives_lib.BY_NAME.values())
      ),
      lattice_lib.Lattice(genotype.num_layers),
      filter_multiplier,
    )
    space.check(genotype)
    return space

  @property
  def num_architectures(self) -> int:
    """Cells times paths, as the paper counts cells."""
    return self.cell.num_cells * self.lattice.num_paths

  def contains(self, candidate: genotype_lib.Genotype) -> bool:
    """Whether a genotype is an element of this space."""
    try:
      self.check(candidate)
    except ValueError:
      return False
    return True

  __contains__ = contains

  def check(self, candidate: genotype_lib.Genotype) -> None:
    """Raises a ValueError that says why a genotype is not in this space."""
    self.lattice.path_edges(candidate.path)
    if candidate.num_blocks != self.cell.num_blocks:
      raise ValueError(
        f'the genotype has {candidate.num_blocks} blocks, the space has '
        f'{self.cell.num_blocks}'
      )
    known = {primitive.name for primitive in self.cell.primitives}
    for _, primitive in candidate.edges():
      if primitive not in known:
        raise ValueError(
          f'the genotype has the primitive {primitive!r}, which this space '
          f'lacks; it has {", ".join(sorted(known))}'
        )

  def random(
    self, rng: np.random.Generator | int | None = None
  ) -> genotype_lib.Genotype:
    """A random architecture that decoding could emit.

    Sources and primitives are uniform (two different sources a block, never
    `none`); paths are uniform over all paths.

    Args:
      rng: Draws; or a seed; None for another architecture each time.
    """
    rng = np.random.default_rng(rng)
    cell = tuple(self._random_block(block, rng) for block in self._blocks)
    return genotype_lib.Genotype(self._random_path(rng), cell)

  def mutate(
    self,
    parent: genotype_lib.Genotype,
    rng: np.random.Generator | int | None = None,
  ) -> genotype_lib.Genotype:
    """A neighbour: one connection, or the level of one layer, is changed.

    Always differs from its parent, unless the space holds nothing else.

    Args:
      parent: Of this space.
      rng: As in `random`.
    """
    rng = np.random.default_rng(rng)
    self.check(parent)
    for _ in range(100):
      if rng.integers(2):
        child = dataclasses.replace(parent, path=self._detour(parent.path, rng))
      else:
        child = dataclasses.replace(parent, cell=self._rewired(parent, rng))
      if child != parent:
        return child
    return parent

  @property
  def _blocks(self) -> range:
    return range(self.cell.num_blocks)

  def _random_block(
    self, block: int, rng: np.random.Generator
  ) -> genotype_lib.Block:
    sources = rng.choice(self.cell.sources(block), size=2, replace=False)
    return tuple(
      genotype_lib.Connection(
        self.cell.source_name(source), self._random_primitive(rng)
      )
      for source in sources
    )

  def _random_primitive(self, rng: np.random.Generator) -> str:
    names = [p.name for p in self.cell.primitives if not p.is_none]
    return names[rng.integers(len(names))]

  def _random_path(self, rng: np.random.Generator) -> tuple[int, ...]:
    paths_from = self.lattice.num_paths_from
    path = ()
    for layer in range(1, self.lattice.num_layers + 1):
      levels = self.lattice.next_levels(path)
      counts = [paths_from[lattice_lib.Node(layer, level)] for level in levels]
      weights = np.asarray(counts, float) / sum(counts)
      path += (int(rng.choice(levels, p=weights)),)
    return path

  def _detour(
    self, path: tuple[int, ...], rng: np.random.Generator
  ) -> tuple[int, ...]:
    """The path with the level of one layer changed, where that is legal."""
    layer = int(rng.integers(len(path)))
    step = int(rng.choice([-1, 1]))
    detour = path[:layer] + (path[layer] + step,) + path[layer + 1 :]
    return detour if self.lattice.is_path(detour) else path

  def _rewired(
    self, parent: genotype_lib.Genotype, rng: np.random.Generator
  ) -> tuple[genotype_lib.Block, ...]:
    """The cell with the source or the primitive of one connection changed."""
    block = int(rng.integers(self.cell.num_blocks))
    kept, changed = rng.permutation(2)
    source, primitive = parent.cell[block][changed]
    other = parent.cell[block][kept]
    if rng.integers(2):
      names = [self.cell.source_name(s) for s in self.cell.sources(block)]
      choices = [name for name in names if name != other.source]
      source = choices[rng.integers(len(choices))]
    else:
      primitive = self._random_primitive(rng)
    rewired = (other, genotype_lib.Connection(source, primitive))
    return parent.cell[:block] + (rewired,) + parent.cell[block + 1 :]
