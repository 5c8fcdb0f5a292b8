"""Every number that costs are made of, at every place of a space.

An architecture looks its numbers up, relaxed weights multiply and add them.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Sequence

import numpy as np

from deeplab_nas.space import derived_layers, operations
from deeplab_nas.space import lattice as lattice_lib

# The numbers of one operation, N of them.
Measure = Callable[[operations.Operation], Sequence[float]]


@dataclasses.dataclass(frozen=True)
class CostTable:
  """The last axis is what is measured, N numbers, such as `Cost`'s fields.

  Float64; counts are exact, as they are integers far below 2**53. Places
  where no path comes hold zeros.

  Attributes:
    stem: [N].
    cell: [L, S, S, S, N], what a cell needs whatever its operations are, by
      layer and by the levels of the layer before the previous one, of the
      previous one, and of the cell itself. Layers -1 and 0 have level 0.
    op: [S, S, E, K, N], one operation in one cell, by the levels of the
      previous layer and of the cell, by cell edge and by primitive.
    aspp: [S, N], by the level of the last layer.
    decoder: [S, N], by the level of the last layer.
    low_level: [S, N], the decoder's projection of stride-4 features, by the
      level of the first layer.
  """

  stem: np.ndarray
  cell: np.ndarray
  op: np.ndarray
  aspp: np.ndarray
  decoder: np.ndarray
  low_level: np.ndarray

  def select(self, columns: slice) -> CostTable:
    """Some of what is measured."""
    return CostTable(*(array[..., columns] for array in self._arrays()))

  def of_cells(self) -> CostTable:
    """Zeros for all but the cells."""
    return dataclasses.replace(
      self,
      stem=np.zeros_like(self.stem),
      aspp=np.zeros_like(self.aspp),
      decoder=np.zeros_like(self.decoder),
      low_level=np.zeros_like(self.low_level),
    )

  def _arrays(self) -> list[np.ndarray]:
    return [getattr(self, field.name) for field in dataclasses.fields(self)]


def count(op: operations.Operation) -> tuple[float, float, float]:
  """The measure of `Cost`'s three fields."""
  cost = operations.count(op)
  return cost.params, cost.macs, cost.activation_bytes


def build(
  layers: derived_layers.DerivedLayers, measure: Measure = count
) -> CostTable:
  """Measures every part at every place where it may stand."""
  total, lattice = _Total(measure), layers.space.lattice
  stem = total(layers.stem())

  def by_level(part, layer: int) -> np.ndarray:
    """[S, N]; only for the levels that a path can have in a layer."""
    places = {(s,): total(part(s)) for s in lattice.levels(layer)}
    return _filled([lattice.num_levels], places, stem.size)

  return CostTable(
    stem=stem,
    cell=_cell_array(layers, total),
    op=_op_array(layers, total),
    aspp=by_level(layers.aspp, lattice.num_layers),
    decoder=by_level(layers.decoder, lattice.num_layers),
    low_level=by_level(layers.low_level, 1),
  )


class _Total:
  """Sums what is measured; measures equal operations once."""

  def __init__(self, measure: Measure):
    self._measure = measure
    self._known = {}

  def __call__(self, ops: Iterable[operations.Operation]) -> np.ndarray:
    """float64 [N]."""
    return np.array([self._of(op) for op in ops], np.float64).sum(0)

  def _of(self, op: operations.Operation) -> Sequence[float]:
    if op not in self._known:
      self._known[op] = self._measure(op)
    return self._known[op]


def _cell_array(
  layers: derived_layers.DerivedLayers, total: _Total
) -> np.ndarray:
  lattice = layers.space.lattice
  places = {}
  for prev, node in lattice.edges:
    for level in lattice.levels(node.layer - 2):
      prev_prev = lattice_lib.Node(node.layer - 2, level)
      index = (node.layer - 1, level, prev.level, node.level)
      places[index] = total(layers.cell(prev_prev, prev, node))
  axes = [lattice.num_layers] + [lattice.num_levels] * 3
  return _filled(axes, places, total(layers.stem()).size)


def _op_array(
  layers: derived_layers.DerivedLayers, total: _Total
) -> np.ndarray:
  lattice, cell = layers.space.lattice, layers.space.cell
  places = {}
  for levels in {(prev.level, node.level) for prev, node in lattice.edges}:
    for e, edge in enumerate(cell.edges):
      for k, primitive in enumerate(cell.primitives):
        ops = layers.op(primitive, edge.source < 2, *levels)
        if ops:
          places[levels + (e, k)] = total(ops)
  axes = [lattice.num_levels] * 2 + [len(cell.edges), len(cell.primitives)]
  return _filled(axes, places, total(layers.stem()).size)


def _filled(
  axes: Sequence[int], places: dict[tuple[int, ...], np.ndarray], num: int
) -> np.ndarray:
  """[*axes, num] with zeros elsewhere."""
  array = np.zeros([*axes, num])
  for index, numbers in places.items():
    array[index] = numbers
  return array
