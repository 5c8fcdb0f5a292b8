"""Which edges of a cell the fast path computes at once."""

import numpy as np
import tensorflow as tf

from deeplab_nas.nn.supernet import edge_groups
from deeplab_nas.space import cell_space


def test_edges_of_the_inputs_are_a_group_and_those_of_each_block():
  cell = cell_space.CellSpace(3)
  groups = edge_groups.group_edges(cell)
  assert [group.sources for group in groups] == [(0, 1), (2,), (3,)]
  assert [group.num_blocks for group in groups] == [3, 2, 1]
  seen = []
  for i, group in enumerate(groups):
    edges = [cell.edges[edge] for edge in group.edges]
    assert edges == [
      cell_space.CellEdge(source, block)
      for block in range(3 - group.num_blocks, 3)
      for source in group.sources
    ]
    for source, of_source in zip(group.sources, group.by_source):
      assert edge_groups.index_of(source) == i
      assert {cell.edges[edge].source for edge in of_source} == {source}
    assert sorted(sum(group.by_source, [])) == group.edges
    seen += group.edges
  assert sorted(seen) == list(range(len(cell.edges)))


def test_channels_of_prev_prev_are_not_repeated():
  inputs, block = edge_groups.group_edges(cell_space.CellSpace(2))
  x = tf.range(4)[tf.newaxis]
  np.testing.assert_array_equal(inputs.repeated(x, 2), [[0, 1, 0, 1, 2, 3]])
  np.testing.assert_array_equal(block.repeated(x, 2), [[0, 1, 2, 3] * 2])
