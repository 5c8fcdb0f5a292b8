"""What lies where in a node's variables."""

import numpy as np
import pytest
import tensorflow as tf

from deeplab_nas.nn.supernet import layout as layout_lib
from deeplab_nas.space import cell_space, primitives
from tests.nn import random_cell

ALL = tuple(primitives.BY_NAME.values())


def layout(
  num_blocks=2, chosen=ALL, filters=3, num_transitions=2, partial_channels=1
):
  space = cell_space.CellSpace(num_blocks, chosen)
  return layout_lib.make(
    random_cell.shape(space, filters, num_transitions, partial_channels)
  )


@pytest.mark.parametrize(
  'num_transitions, partial_channels', [(1, 1), (3, 1), (3, 2)]
)
def test_each_weight_has_one_place(num_transitions, partial_channels):
  """Numbered weights come back, each once, in the shape of its operator."""
  places = layout(
    filters=4,
    num_transitions=num_transitions,
    partial_channels=partial_channels,
  )
  numbers = tf.range(places.num_weights)
  blocks = places.unpack(numbers)
  found = [
    np.ravel(block)
    for key, block in blocks.items()
    if isinstance(key, layout_lib.Input)
  ]
  for edge in range(len(places.shape.cell.edges)):
    for k, operator in enumerate(places.operators):
      weights = places.of_edge(blocks, k, edge)
      shapes = tuple(tuple(w.shape) for w in weights)
      assert shapes == operator.weight_shapes
      found += map(np.ravel, weights)
  np.testing.assert_array_equal(np.sort(np.concatenate(found)), numbers)


def test_separable_kernels_are_repeated_but_not_from_prev_prev():
  places = layout(num_blocks=3)
  weights = tf.range(places.num_weights)
  once, wide = places.unpack(weights), places.unpack(weights, 3)
  assert set(once) == set(wide)
  separable = set(sum(places.separable, []))
  assert {key.group for key in separable} == {0, 1, 2}
  for key, block in once.items():
    expected = block.numpy()
    if key in separable:
      edges = places.groups[key.group].edges
      sources = [places.shape.cell.edges[edge].source for edge in edges]
      expected = np.repeat(
        np.reshape(expected, [-1, len(edges), 3]),
        [1 if source == 1 else 3 for source in sources],
        axis=1,
      )
    np.testing.assert_array_equal(np.ravel(wide[key]), np.ravel(expected))


def test_prev_prev_has_one_row_for_all_transitions():
  places = layout(num_blocks=1, chosen=(primitives.ATROUS_CONV_3X3,))
  rows = list(places.row)
  assert rows == [
    *((layout_lib.Input(t), t, 0) for t in range(3)),
    (layout_lib.Part(0, 0, 0), 0, 0),
    (layout_lib.Part(0, 0, 0), 1, 0),
    (layout_lib.Part(0, 0, 0), 0, 1),
  ]
  assert places.num_rows == len(rows)


def test_weights_are_drawn_as_he_et_al_draw_one_edge():
  places = layout(num_blocks=5, filters=32)
  drawn = places.initial_weights([places.num_weights])
  blocks = places.unpack(drawn)
  fan_in = {
    layout_lib.Part(ALL.index(primitives.ATROUS_CONV_3X3), 0, 0): 9 * 32,
    layout_lib.Part(ALL.index(primitives.SEP_CONV_5X5), 0, 0): 25,
    layout_lib.Part(ALL.index(primitives.SEP_CONV_5X5), 1, 1): 32,
  }
  for key, fan in fan_in.items():
    np.testing.assert_allclose(np.std(blocks[key]), np.sqrt(2 / fan), rtol=0.06)


def test_with_partial_channels_an_input_has_as_many_narrow_rows():
  places = layout(1, (primitives.ATROUS_CONV_3X3,), 8, 2, partial_channels=4)
  assert places.shape.mixed_filters == 2
  rows = list(places.row)
  assert rows == [
    *((layout_lib.Input(t), t, i) for t in range(3) for i in range(4)),
    (layout_lib.Part(0, 0, 0), 0, 0),
    (layout_lib.Part(0, 0, 0), 1, 0),
    (layout_lib.Part(0, 0, 0), 0, 1),
  ]
  assert places.block_shape(layout_lib.Part(0, 0, 0)) == (3, 3, 2, 4)
  assert places.block_shape(layout_lib.Input(2)) == (1, 1, 3, 8)


def test_partial_channels_divide_the_filters():
  with pytest.raises(ValueError, match='partial_channels is 4, .* are 6'):
    layout(filters=6, partial_channels=4)
