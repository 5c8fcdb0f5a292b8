"""Costs of all architectures of a space as sums, and the most they may be.

The cost of an architecture is that of its path, whatever the operations are,
and for each connection of its cell that of its operation in every layer of the
path. This depends on the primitive, and on whether it reads an input.
"""

from __future__ import annotations

import dataclasses
import math
import numbers
from collections.abc import Mapping, Sequence

import numpy as np

from deeplab_nas.space import cell_space, cost, cost_table, widest

# Of a sum of milliseconds, whose last digits depend on the order of its terms.
_TOLERANCE = 1e-9


def allowed(name: str, most: float) -> float:
  """The most that a sum of a measure may be, given the limit: no less."""
  return most * (1 + _TOLERANCE) if name == widest.LATENCY else most


@dataclasses.dataclass(frozen=True)
class Limits:
  """M measures of cost, and a limit for each.

  S is the number of levels up to the coarsest one of the paths.

  Attributes:
    names: Of the measures.
    most: float64 [M].
    stem: [M], of every network.
    cell: [L, S, S, S, M], see `cost_table.CostTable`.
    op_kinds: [S, S, 2, K, M], one operation in one cell, by the levels of the
      previous layer and of the cell, by whether it reads an input of the cell
      (1), and by primitive; inf for `none`.
    first: [S, M], by the level of the first layer.
    last: [S, M], by the level of the last layer.
    num_blocks: B.
    has_to_reach: Whether they count only paths that get to the coarsest level.
  """

  names: tuple[str, ...]
  most: np.ndarray
  stem: np.ndarray
  cell: np.ndarray
  op_kinds: np.ndarray
  first: np.ndarray
  last: np.ndarray
  num_blocks: int
  has_to_reach: bool = False

  @classmethod
  def of(
    cls, budget: Mapping[str, float], model: cost.CostModel
  ) -> list[Limits]:
    """The tables of a cost model, and a budget by the names of its measures.

    Returns:
      For each level that may be the coarsest of a path, where images are padded
      in another way; else one for all paths.

    Raises:
      ValueError: If a limit is not a number or its measure is unknown.
    """
    for name, limit in budget.items():
      if not isinstance(limit, numbers.Real) or math.isnan(limit):
        raise ValueError(f'the budget of {name} is {limit}, expected a number')
    by_coarsest = list(zip(*(model.measure_tables(name) for name in budget)))
    return [
      cls._joined(tables, budget, model.space.cell, len(by_coarsest) > 1)
      for tables in by_coarsest
    ]

  @classmethod
  def _joined(
    cls,
    tables: Sequence[cost_table.CostTable],
    budget: Mapping[str, float],
    cell: cell_space.CellSpace,
    has_to_reach: bool,
  ) -> Limits:
    def joined(field: str) -> np.ndarray:
      return np.concatenate([getattr(t, field) for t in tables], axis=-1)

    op = joined('op')
    reader = cell.edge_index(2, 1) if cell.num_blocks > 1 else 0
    op_kinds = np.stack([op[:, :, reader], op[:, :, 0]], axis=2)
    is_none = [primitive.is_none for primitive in cell.primitives]
    op_kinds[:, :, :, is_none] = math.inf
    return cls(
      names=tuple(budget),
      most=np.array(list(budget.values()), np.float64),
      stem=joined('stem'),
      cell=joined('cell'),
      op_kinds=op_kinds,
      first=joined('low_level'),
      last=joined('aspp') + joined('decoder'),
      num_blocks=cell.num_blocks,
      has_to_reach=has_to_reach,
    )

  @property
  def allowed(self) -> np.ndarray:
    """The most that sums may be, [M], see `allowed`; finite.

    So that a price of 0 makes nothing of it.
    """
    most = [allowed(*each) for each in zip(self.names, self.most)]
    return np.clip(most, -1e300, 1e300)

  def alone(self, index: int) -> Limits:
    """One of the measures."""
    arrays = {
      name: getattr(self, name)[..., index : index + 1]
      for name in ('most', 'stem', 'cell', 'op_kinds', 'first', 'last')
    }
    return dataclasses.replace(self, names=(self.names[index],), **arrays)

  def least_cell(self, ops: np.ndarray) -> np.ndarray:
    """The least cost of a cell's operations, of each measure by itself.

    Args:
      ops: [..., 2, K, M], costs by kind of source and primitive.

    Returns:
      [..., M].
    """
    return self.least_blocks(ops).sum(-2)

  def least_blocks(self, ops: np.ndarray) -> np.ndarray:
    """The same for each block, [..., B, M]."""
    cheapest = ops.min(-2)  # [..., 2, M]
    block, given = cheapest[..., 0, :], cheapest[..., 1, :]
    # Two different sources: two inputs, and as many blocks as come before.
    least = [2 * given]
    for index in range(1, self.num_blocks):
      pairs = [2 * given, given + block] + [2 * block] * (index > 1)
      least.append(np.min(pairs, axis=0))
    return np.stack(least, axis=-2)
