"""Wires start at the state they carry and end at the block that reads it."""

import numpy as np
import pytest
from matplotlib import figure as figure_lib

from deeplab_nas.space import CellSpace, SearchSpace, zoo
from deeplab_nas.space.pictures import cell_picture


def drawn(genotype):
  axes = figure_lib.Figure().subplots()
  cell_picture.draw(axes, genotype)
  return axes


def wires(axes):
  """(row of the state, row of the block) of every wire with a corner."""
  lines = [line.get_ydata() for line in axes.lines]
  return sorted((int(y[0]), round(y[-1])) for y in lines if len(y) == 4)


@pytest.mark.parametrize('num_blocks', [1, 3, 5, 10])
def test_there_is_a_wire_for_every_connection(num_blocks):
  space = SearchSpace(CellSpace(num_blocks))
  genotype = space.random(np.random.default_rng(num_blocks))
  expected = sorted(
    (source, block + 2) for (source, block), _ in genotype.edges()
  )
  assert wires(drawn(genotype)) == expected


def test_wires_leave_behind_names_and_turn_before_a_column():
  for line in drawn(zoo.load('auto_deeplab')).lines:
    x = line.get_xdata()
    if len(x) == 4:
      assert 0.7 < x[0] < x[1] == x[2] < x[3]


def test_width_grows_with_the_depth_of_the_cell():
  space = SearchSpace(CellSpace(1))
  shallow = space.random(np.random.default_rng(0))
  assert cell_picture.width(shallow) < cell_picture.width(
    zoo.load('auto_deeplab')
  )
