"""Counts, edges and names of the space of cells."""

import itertools

import pytest

from deeplab_nas.space import cell_space, decode, primitives
from deeplab_nas.space.cell_space import CellSpace

SMALL = (primitives.NONE, primitives.SKIP, primitives.SEP_CONV_3X3)


def test_the_papers_cell_space_has_20_edges_and_5_6e14_cells():
  cell = CellSpace()
  assert len(cell.edges) == 20
  assert cell.num_cells == 556_627_761_561_600
  assert cell.num_decodable_cells == 762_683_172_300


@pytest.mark.parametrize('num_blocks', [1, 2])
def test_num_cells_equals_enumeration(num_blocks):
  cell = CellSpace(num_blocks, SMALL)
  blocks = [
    list(
      itertools.product(itertools.product(cell.sources(block), SMALL), repeat=2)
    )
    for block in range(num_blocks)
  ]
  assert cell.num_cells == len(list(itertools.product(*blocks)))


@pytest.mark.parametrize('num_blocks', [1, 2])
def test_num_decodable_cells_equals_enumeration(num_blocks):
  cell = CellSpace(num_blocks, SMALL)
  choices = range(len(cell.primitives))
  decoded = set()
  # The order of preference of edges, and the preferred primitive on each.
  for order in itertools.permutations(range(len(cell.edges))):
    for best in itertools.product(choices, repeat=len(cell.edges)):
      weights = [
        [1.0 + rank if k == choice else 0.0 for k in choices]
        for rank, choice in zip(order, best)
      ]
      blocks = decode.decode_cell(weights, cell)
      decoded.add(tuple(frozenset(block) for block in blocks))
  assert cell.num_decodable_cells == len(decoded)


@pytest.mark.parametrize('num_blocks', [1, 2, 5, 10])
def test_edge_index_is_the_position_in_edges(num_blocks):
  cell = CellSpace(num_blocks)
  indices = [cell.edge_index(*edge) for edge in cell.edges]
  assert indices == list(range(len(cell.edges)))
  assert len(indices) == num_blocks * (num_blocks + 3) // 2


def test_edges_come_block_after_block_inputs_first():
  cell = CellSpace(2)
  assert [cell.edge_name(edge) for edge in cell.edges] == [
    'prev -> block_0',
    'prev_prev -> block_0',
    'prev -> block_1',
    'prev_prev -> block_1',
    'block_0 -> block_1',
  ]


@pytest.mark.parametrize('edge', [(2, 0), (-1, 0), (0, 5), (0, -1), (6, 4)])
def test_edge_index_refuses_edges_that_do_not_exist(edge):
  source, block = edge
  with pytest.raises(ValueError, match=f'source {source} to block {block}'):
    CellSpace().edge_index(source, block)


@pytest.mark.parametrize('num_blocks', [0, -1, cell_space.MAX_BLOCKS + 1])
def test_number_of_blocks_is_checked(num_blocks):
  with pytest.raises(ValueError, match=f'num_blocks is {num_blocks}'):
    CellSpace(num_blocks)


def test_repeated_and_useless_primitives_are_refused():
  with pytest.raises(ValueError, match='repeat a name'):
    CellSpace(2, (primitives.SKIP, primitives.SKIP))
  with pytest.raises(ValueError, match='other than `none`'):
    CellSpace(2, (primitives.NONE,))


def test_equal_spaces_are_equal_values():
  assert CellSpace(3) == CellSpace(3) != CellSpace(4)
  assert hash(CellSpace(3)) == hash(CellSpace(3))
