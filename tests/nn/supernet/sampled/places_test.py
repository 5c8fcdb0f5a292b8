"""Rows of an operation's weights and statistics, against the layout's own."""

import numpy as np
import pytest
import tensorflow as tf

from deeplab_nas.nn.supernet import layout as layout_lib
from deeplab_nas.nn.supernet.sampled import places
from deeplab_nas.space import cell_space, primitives
from tests.nn import random_cell


@pytest.mark.parametrize('shared', [False, True])
@pytest.mark.parametrize('partial', [1, 2])
@pytest.mark.parametrize('preset', primitives.PRESETS)
def test_the_rows_of_an_operation_hold_its_weights(preset, partial, shared):
  space = cell_space.CellSpace(2, primitives.PRESETS[preset])
  shape = random_cell.shape(space, 4, 2, partial, shared)
  layout, found = layout_lib.make(shape), places.make(shape)
  vector = np.random.default_rng(0).normal(size=layout.num_weights)
  rows = vector.reshape(-1, 4 // partial)
  blocks = {k: x.numpy() for k, x in layout.unpack(tf.constant(vector)).items()}
  parts = np.split(found.weights.values, found.weights.firsts[1:])
  for t in range(3):
    expected = blocks[layout_lib.Input(t)].ravel()
    np.testing.assert_array_equal(rows[parts[t]].ravel(), expected)
  entry = 3
  for edge in range(len(space.edges)):
    for k in range(len(space.primitives)):
      weights = layout.of_edge(blocks, k, edge)
      expected = np.concatenate([np.zeros(0), *(w.ravel() for w in weights)])
      np.testing.assert_array_equal(rows[parts[entry]].ravel(), expected)
      entry += 1
  used, counts = np.unique(found.weights.values, return_counts=True)
  np.testing.assert_array_equal(used, np.arange(len(rows)))
  assert shared or (counts == 1).all()


def test_norms_of_a_transition_have_its_rows():
  space = cell_space.CellSpace(2, primitives.PRIMITIVES)
  shape = random_cell.shape(space, 4, 3, 2)
  layout, found = layout_lib.make(shape), places.make(shape)
  sep = [p.name for p in space.primitives].index('sep_conv_3x3')
  for t in range(3):
    parts = np.split(found.norms[t].values, found.norms[t].firsts[1:])
    np.testing.assert_array_equal(parts[t], [2 * t, 2 * t + 1])
    for edge, (source, _) in enumerate(space.edges):
      group, at = layout.group_of(edge), 0 if source == 1 else t
      expected = [
        layout.row[layout_lib.Part(sep, i, group), at, edge] for i in range(2)
      ]
      entry = 4 + edge * len(space.primitives) + sep
      np.testing.assert_array_equal(parts[entry], expected)


def test_lists_are_selected_one_after_the_other():
  ragged = places.Ragged.of(
    [np.array(x, np.int32) for x in ([5, 6], [], [7], [8])]
  )
  values, starts = ragged.select(
    tf.constant([3, 0, 1, 2, 0]), tf.constant([True, True, True, False, True])
  )
  np.testing.assert_array_equal(values, [8, 5, 6, 5, 6])
  np.testing.assert_array_equal(starts, [0, 1, 3, 3, 3])
  none, _ = ragged.select(tf.constant([0]), tf.constant([False]))
  assert none.shape == [0]
