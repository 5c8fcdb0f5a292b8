"""Rows and columns have their names, and what is unseen is hatched."""

import numpy as np
from matplotlib import figure as figure_lib

from deeplab_nas.space import (
  CellSpace,
  Lattice,
  SearchSpace,
  arch_weights,
  decode,
  primitives,
)
from deeplab_nas.space.pictures import alpha_picture


def drawn(op, space):
  axes = figure_lib.Figure().subplots()
  alpha_picture.draw(axes, op, space)
  return axes


def hatched(space):
  """(column, row) of hatched cells, and what is said of them."""
  op = np.full([len(space.cell.edges), len(space.cell.primitives)], 0.1)
  axes = drawn(op, space)
  cells = {
    tuple(path.vertices.mean(0).round().astype(int).tolist())
    for each in axes.collections
    if each.get_hatch()
    for path in each.get_paths()
  }
  return cells, axes.get_xlabel()


def test_what_the_loss_cannot_see_is_hatched():
  space = SearchSpace(CellSpace(2), Lattice(4))
  cells, legend = hatched(space)
  assert space.cell.primitives[0].is_none
  assert len(cells) >= 1 and {column for column, _ in cells} == {0}
  assert 'the loss cannot see this weight' in legend


def test_where_the_loss_sees_all_nothing_is_hatched():
  space = SearchSpace(CellSpace(2, primitives.PRIMITIVES[1:]), Lattice(2))
  assert hatched(space) == (set(), '')
  whole = SearchSpace(CellSpace(2), Lattice(2), partial_channels=2)
  assert not hatched(whole)[0]


def test_every_weight_is_written_into_its_cell():
  op = np.arange(40).reshape(5, 8) / 1000
  texts = drawn(op, SearchSpace(CellSpace(2), Lattice(3))).texts
  found = {text.get_position(): text.get_text() for text in texts}
  assert found == {
    (column, row): f'{op[row, column]:.3f}'
    for row in range(5)
    for column in range(8)
  }


def test_blocks_have_the_names_of_the_genotypes_picture():
  space = SearchSpace(CellSpace(2), Lattice(3))
  op = np.full([5, 8], 0.1)
  # The first block becomes the second: both read the inputs alone.
  op[0, 1], op[1, 1] = 0.3, 0.3
  op[2, 6], op[3, 6] = 0.3, 0.3
  weights = arch_weights.ArchWeights(op, space.lattice.legal * 0.25)
  chosen = decode.decode(weights, space)
  assert chosen.cell[0][0].primitive == 'atrous_conv_3x3'
  labels = [x.get_text() for x in drawn(op, space).get_yticklabels()]
  assert labels == [
    'prev -> block_1',
    'prev_prev -> block_1',
    'prev -> block_0',
    'prev_prev -> block_0',
    'block_1 -> block_0',
  ]
