"""The graph of a cell has what the genotype says, and nothing else."""

import numpy as np

from deeplab_nas.nn.hypernetwork import graph
from deeplab_nas.space import cell_space, genotype, lattice, search_space

SPACE = search_space.SearchSpace(cell_space.CellSpace(2), lattice.Lattice(3))
ARCHITECTURE = genotype.Genotype(
  (0, 1, 0),
  (
    (('prev', 'sep_conv_3x3'), ('prev_prev', 'max_pool_3x3')),
    (('block_0', 'skip_connect'), ('prev', 'sep_conv_5x5')),
  ),
)


def names(numbers):
  return [graph.kinds_of(SPACE)[n] for n in numbers]


def test_nodes_are_operations_and_edges_are_what_they_read():
  found = graph.of(SPACE, ARCHITECTURE)
  first, second = ARCHITECTURE.cell
  assert names(found.kinds) == [
    *('prev_prev', 'prev'),
    *(connection.primitive for connection in first),
    'sum',
    *(connection.primitive for connection in second),
    *('sum', 'concat'),
  ]
  number = {'prev_prev': 0, 'prev': 1, 'block_0': 4}
  edges = {(4, 2), (4, 3), (7, 5), (7, 6), (8, 4), (8, 7)}
  for node, connection in zip((2, 3, 5, 6), (*first, *second)):
    edges.add((node, number[connection.source]))
  assert {tuple(map(int, e)) for e in np.argwhere(found.reads)} == edges


def test_a_path_is_levels_and_moves():
  found = graph.of(SPACE, ARCHITECTURE)
  assert found.levels.tolist() == [0, 1, 0]
  assert found.moves.tolist() == [1, 2, 0]


def test_groups_are_a_topological_order_of_any_cell():
  rng = np.random.default_rng(0)
  groups = graph.groups(2)
  order = [node for group in groups for node in group]
  assert order == list(range(graph.num_nodes(2)))
  for _ in range(20):
    reads = graph.of(SPACE, SPACE.random(rng)).reads
    assert not np.triu(reads).any()  # of earlier nodes alone
    for group in groups:
      assert not reads[np.ix_(group, group)].any()
