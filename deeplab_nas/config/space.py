"""Settings of what can be searched.

Reference:
  Auto-DeepLab, Sec. 5.1, https://arxiv.org/abs/1901.02985
"""

from __future__ import annotations

import dataclasses
from typing import ClassVar

from deeplab_nas import checked_fields, errors
from deeplab_nas.space import cell_space, lattice, primitives, search_space

_field = checked_fields.field


@dataclasses.dataclass(frozen=True)
class SpaceConfig(checked_fields.Section):
  """What can be searched.

  Attributes:
    num_layers: L, layers of the lattice.
    num_blocks: B, blocks of the cell.
    primitives: Name of the operator set, a key of `primitives.PRESETS`.
    filter_multiplier: F, filters of one block at stride 4.
    stem_filters: Of the three convolutions of the supernet's stem; null for 8F,
      8F and 16F.
    paths: 'local', a softmax over the moves out of each node as in the paper,
      or 'global', one over whole paths; see g3doc/strategies.md.
    partial_channels: K, a divisor of F. Above 1, each mixed operation sees 1/K
      of the channels and edges have weights of their own: PC-DARTS, another
      function than the full supernet, https://arxiv.org/abs/1907.05737.
    shared_kernels: Whether an operation of a block has the same kernels for all
      sources (a node's kernels by block and operation), not some for each edge.
  """

  NAME: ClassVar[str] = 'space'
  # Which networks that are trained by themselves do not have.
  OF_SUPERNET: ClassVar[tuple[str, ...]] = (
    'filter_multiplier',
    'partial_channels',
    'stem_filters',
    'shared_kernels',
    'paths',
  )

  num_layers: int = _field(12, int, low=1)
  num_blocks: int = _field(5, int, low=1, high=cell_space.MAX_BLOCKS)
  primitives: str = _field(
    'auto_deeplab', str, choices=tuple(primitives.PRESETS)
  )
  filter_multiplier: int = _field(8, int, low=1)
  partial_channels: int = _field(1, int, low=1)
  stem_filters: tuple[int, int, int] | None = _field(
    None, int, low=1, length=3, optional=True
  )
  shared_kernels: bool = _field(False, bool)
  paths: str = _field('local', str, choices=search_space.PATHS)

  def __post_init__(self):
    super().__post_init__()
    if self.filter_multiplier % self.partial_channels:
      raise errors.UserError(
        f'space.partial_channels is {self.partial_channels}, expected a'
        ' divisor of space.filter_multiplier, which is'
        f' {self.filter_multiplier}.'
      )

  def build(self) -> search_space.SearchSpace:
    return search_space.SearchSpace(
      cell_space.CellSpace(
        self.num_blocks, primitives.PRESETS[self.primitives]
      ),
      lattice.Lattice(self.num_layers),
      self.filter_multiplier,
      self.partial_channels,
      self.stem_filters,
      self.shared_kernels,
      self.paths,
    )
