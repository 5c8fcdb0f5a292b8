"""One table of all the numbers of a space."""

import numpy as np

from deeplab_nas.space import CellSpace, Lattice, SearchSpace, cost_table
from deeplab_nas.space.derived_layers import DerivedLayers

LAYERS = DerivedLayers(SearchSpace(CellSpace(2), Lattice(4), 10), 7, (33, 65))


def test_table_has_zeros_exactly_where_no_edge_is():
  table = cost_table.build(LAYERS)
  assert table.cell.shape == (4, 4, 4, 4, 3)
  assert table.op.shape == (4, 4, 5, 8, 3)
  used = table.op.any((2, 3, 4))
  levels = np.arange(4)
  np.testing.assert_array_equal(used, abs(levels[:, None] - levels) <= 1)
  by_layer = table.cell.any((1, 4))  # [L, S, S]
  for layer in range(4):
    expected = {
      (edge.source.level, edge.target.level)
      for edge in Lattice(4).edges
      if edge.target.layer == layer + 1
    }
    assert set(map(tuple, np.argwhere(by_layer[layer]))) == expected


def test_any_measure_of_operations_makes_a_table():
  table = cost_table.build(LAYERS, lambda op: [op.height, 1])
  # Heights of the stem's three convolutions; a mean over 5 lines, three 1x1s,
  # of one pixel, and what else ASPP computes at level 1.
  assert table.stem.tolist() == [17 + 17 + 9, 3]
  assert table.aspp[1].tolist() == [5 + 1 + 5 * 7, 9]
  assert table.op.shape == (4, 4, 5, 8, 2)
  none, skip, conv = 0, 3, 4
  assert table.op[0, 1, 0, :, 1][[none, skip, conv]].tolist() == [0, 1, 1]
  assert table.op[1, 1, 0, :, 1][[none, skip, conv]].tolist() == [0, 0, 1]
