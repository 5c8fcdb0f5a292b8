"""The options of a block are all that decoding can choose."""

import numpy as np
import pytest

from deeplab_nas.space import CellSpace, primitives
from deeplab_nas.space.decoding import blocks


@pytest.mark.parametrize('preset', primitives.PRESETS)
def test_they_are_as_many_as_decodable_cells(preset):
  cell = CellSpace(3, primitives.PRESETS[preset])
  options = blocks.block_options(cell)
  sizes = [len(block.edges) for block in options]
  assert np.prod(sizes) == cell.num_decodable_cells
  for number, block in enumerate(options):
    assert (
      len(np.unique([*block.edges.T, *block.primitives.T], axis=1).T)
      == (sizes[number])
    )
    edges = [cell.edges[edge] for edge in block.edges.ravel()]
    assert {edge.block for edge in edges} == {number}
    assert (block.edges[:, 0] < block.edges[:, 1]).all()
    assert not any(cell.primitives[k].is_none for k in block.primitives.ravel())


def test_the_stronger_connection_comes_first():
  cell = CellSpace(1)
  (options,) = blocks.block_options(cell)
  last = len(options.edges) - 1
  one = options.block(last, np.array([0.1, 0.1]))
  assert one == (('prev', 'atrous_conv_5x5'), ('prev_prev', 'atrous_conv_5x5'))
  assert options.block(last, np.array([0.1, 0.2])) == one[::-1]
