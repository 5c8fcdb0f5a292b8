"""Nodes, edges and paths of the lattice."""

import itertools

import numpy as np
import pytest

from deeplab_nas.space import lattice as lattice_lib
from deeplab_nas.space.lattice import Lattice, LatticeEdge, Node

SMALL = [
  Lattice(num_layers, (4, 8, 16, 32)[:num_levels])
  for num_layers in (1, 2, 3, 5, 6)
  for num_levels in (1, 2, 3, 4)
]
SMALL_IDS = [f'L{item.num_layers}_S{item.num_levels}' for item in SMALL]


def brute_force_paths(num_layers, num_levels):
  """From the definition: start at 0 before layer 1, move by at most one."""
  return [
    path
    for path in itertools.product(range(num_levels), repeat=num_layers)
    if all(abs(b - a) <= 1 for a, b in zip((0,) + path, path))
  ]


def test_the_papers_lattice():
  lattice = Lattice()
  assert len(lattice.nodes) == 45
  assert len(lattice.edges) == 105
  assert lattice.num_paths == 75_025


def test_the_papers_count_of_paths_is_that_of_eleven_layers():
  assert Lattice(11).num_paths == 28_657


@pytest.mark.parametrize('lattice', SMALL, ids=SMALL_IDS)
def test_paths_equal_brute_force(lattice):
  expected = brute_force_paths(lattice.num_layers, lattice.num_levels)
  assert list(lattice.paths()) == expected  # in the same, lexical order
  assert lattice.num_paths == len(expected)


@pytest.mark.parametrize('lattice', SMALL, ids=SMALL_IDS)
def test_nodes_and_edges_are_those_that_paths_use(lattice):
  nodes, edges = set(), set()
  for path in brute_force_paths(lattice.num_layers, lattice.num_levels):
    steps = [lattice_lib.STEM] + [Node(i + 1, s) for i, s in enumerate(path)]
    nodes.update(steps[1:])
    edges.update(map(LatticeEdge, steps, steps[1:]))
  assert set(lattice.nodes) == nodes and len(lattice.nodes) == len(nodes)
  assert set(lattice.edges) == edges and len(lattice.edges) == len(edges)


@pytest.mark.parametrize('lattice', SMALL, ids=SMALL_IDS)
def test_legal_has_exactly_the_edges(lattice):
  assert lattice.legal.shape == (lattice.num_layers, lattice.num_levels, 3)
  assert set(map(tuple, np.argwhere(lattice.legal))) == {
    edge.index for edge in lattice.edges
  }


def test_legal_cannot_be_changed():
  with pytest.raises(ValueError, match='read-only'):
    Lattice().legal[0, 0, 0] = True


def test_legal_moves_of_the_first_layers():
  legal = Lattice().legal
  assert legal[0].tolist() == [[False, True, True]] + [[False] * 3] * 3
  assert legal[1].tolist() == [
    [False, True, True],
    [True, True, True],
    [False] * 3,
    [False] * 3,
  ]
  assert legal[11, 3].tolist() == [True, True, False]


@pytest.mark.parametrize('lattice', SMALL, ids=SMALL_IDS)
def test_edges_into_partition_the_edges_finest_source_first(lattice):
  entering = [lattice.edges_into(node) for node in lattice.nodes]
  assert list(itertools.chain(*entering)) == list(lattice.edges)
  for node, edges in zip(lattice.nodes, entering):
    assert 1 <= len(edges) <= 3
    assert {edge.target for edge in edges} == {node}
    assert [e.source.level for e in edges] == sorted(
      e.source.level for e in edges
    )


def test_edges_into_a_node_in_the_middle():
  edges = Lattice().edges_into(Node(5, 1))
  assert [edge.source for edge in edges] == [Node(4, 0), Node(4, 1), Node(4, 2)]
  assert [edge.move for edge in edges] == [
    lattice_lib.DOWN,
    lattice_lib.SAME,
    lattice_lib.UP,
  ]
  assert [edge.index for edge in edges] == [(4, 0, 2), (4, 1, 1), (4, 2, 0)]


@pytest.mark.parametrize(
  'node, expected',
  [
    ((1, 0), (-1, 0)),  # the stem at stride 2
    ((1, 1), (-1, 0)),
    ((2, 0), (0, 0)),  # the stem at stride 4
    ((2, 2), (0, 0)),
    ((3, 0), (1, 0)),
    ((3, 1), (1, 1)),
    ((3, 2), (1, 1)),  # layer 1 has no stride 16: its coarsest
    ((3, 3), (1, 1)),
    ((4, 3), (2, 2)),
    ((5, 3), (3, 3)),
    ((12, 0), (10, 0)),
    ((12, 3), (10, 3)),
  ],
)
def test_prev_prev_is_the_same_stride_or_the_nearest(node, expected):
  assert Lattice().prev_prev(Node(*node)) == Node(*expected)


def test_prev_prev_always_exists():
  lattice = Lattice()
  places = {*lattice.nodes, lattice_lib.STEM, Node(-1, 0)}
  assert all(lattice.prev_prev(node) in places for node in lattice.nodes)


def test_path_edges_follow_the_path():
  edges = Lattice(3).path_edges([0, 1, 0])
  assert [edge.index for edge in edges] == [(0, 0, 1), (1, 0, 2), (2, 1, 0)]


@pytest.mark.parametrize(
  'path, message',
  [
    ([0, 0], 'path has 2 levels, the lattice has 3 layers'),
    ([0, 2, 1], 'cannot be at level 2 in layer 2; it may be at .0, 1.'),
    ([2, 1, 1], 'cannot be at level 2 in layer 1'),
    ([0, -1, 0], 'cannot be at level -1 in layer 2'),
    ([1, 2, 3], 'cannot be at level 3 in layer 3'),
  ],
)
def test_illegal_paths_are_refused(path, message):
  lattice = Lattice(3, (4, 8, 16))
  assert not lattice.is_path(path)
  with pytest.raises(ValueError, match=message):
    lattice.path_edges(path)


@pytest.mark.parametrize(
  'arguments, message',
  [
    ((0,), 'num_layers is 0'),
    ((3, ()), 'the first has to be 4'),
    ((3, (8, 16)), 'the first has to be 4'),
    ((3, (4, 16)), 'each has to double'),
  ],
)
def test_bad_lattices_are_refused(arguments, message):
  with pytest.raises(ValueError, match=message):
    Lattice(*arguments)
