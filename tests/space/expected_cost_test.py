"""Mean costs against sums over all architectures, in NumPy and TensorFlow."""

import numpy as np
import pytest
import tensorflow as tf

from deeplab_nas.space import (
  CellSpace,
  Genotype,
  Lattice,
  SearchSpace,
  arch_weights,
  cell_space,
  expected_cost,
  primitives,
)
from deeplab_nas.space.cost import CostModel
from tests.space import enumeration

SPACE = enumeration.SMALL
# 65 x 97 is padded in another way for each coarsest stride, 33 x 33 is not.
SIZES = [(33, 33), (65, 97), (40, 50)]


def cell_probs(op, cell):
  """Every cell that can be drawn, with its probability."""
  cells = list(enumeration.all_cells(cell))
  weights = np.exp([enumeration.cell_log(each, op, cell) for each in cells])
  return list(zip(cells, weights / weights.sum()))


@pytest.mark.parametrize('size', SIZES)
def test_the_mean_is_that_of_all_architectures_by_their_probability(size):
  rng = np.random.default_rng(0)
  weights = enumeration.random_weights(SPACE, rng)
  model = CostModel(SPACE, 4, size)
  tables = model.measure_tables('macs')
  total = 0.0
  for cell, of_cell in cell_probs(weights.op, SPACE.cell):
    for path in SPACE.lattice.paths():
      of_path = np.prod(
        [weights.transition[e.index] for e in SPACE.lattice.path_edges(path)]
      )
      total += of_cell * of_path * model.measure(Genotype(path, cell), 'macs')
  drawn = expected_cost.drawn_connections(weights.op, SPACE.cell)
  mean = expected_cost.mean(tables, SPACE.lattice, drawn, weights.transition)
  assert mean.shape == (1,)
  assert mean[0] == pytest.approx(total, rel=1e-12)
  assert model.expected(weights._replace(op=drawn)).macs == mean[0]


def test_connections_are_as_probable_as_in_all_cells():
  cell = cell_space.CellSpace(2, primitives.PRIMITIVES[:3])
  names = [primitive.name for primitive in cell.primitives]
  op = np.random.default_rng(1).dirichlet(np.ones(3), len(cell.edges))
  counted = np.zeros_like(op)
  for drawn, prob in cell_probs(op, cell):
    for edge, name in Genotype((0,), drawn).edges():
      counted[cell.edge_index(*edge), names.index(name)] += prob
  # Of equal networks the genotype has one order: blocks as they were drawn.
  counted_in_order = np.zeros_like(op)
  for drawn, prob in cell_probs(op, cell):
    for block, terms in enumerate(drawn):
      for source, name in terms:
        at = [cell.source_name(i) for i in range(4)].index(source)
        edge = cell.edge_index(at, block)
        counted_in_order[edge, names.index(name)] += prob
  found = expected_cost.drawn_connections(op, cell)
  np.testing.assert_allclose(found, counted_in_order, rtol=1e-12)
  assert found.sum() == pytest.approx(counted.sum()) == pytest.approx(4)


def test_weights_of_one_cell_give_that_cell():
  rng = np.random.default_rng(2)
  for _ in range(10):
    genotype = SPACE.random(rng)
    op = arch_weights.one_hot(genotype, SPACE).op.astype(np.float64)
    drawn = expected_cost.drawn_connections(op, SPACE.cell)
    np.testing.assert_allclose(drawn, op)


def test_even_weights_keep_two_of_the_sources_of_each_block():
  cell = CellSpace(5)
  op = np.full([len(cell.edges), len(cell.primitives)], 1 / 8)
  drawn = expected_cost.drawn_connections(op, cell).sum(-1)
  for edge, kept in zip(cell.edges, drawn):
    assert kept == pytest.approx(2 / len(cell.sources(edge.block)))


@pytest.mark.parametrize('least', [1e-4, 1e-10, 1e-40, 1e-140])
def test_one_source_may_outweigh_all_others(least):
  cell = cell_space.CellSpace(2, primitives.PRIMITIVES[:3])
  op = np.full([len(cell.edges), 3], least)
  op[0, 1] = op[2, 2] = 1.0  # of each block the first source
  found = expected_cost.drawn_connections(op, cell).sum(-1)
  # Of block 1 there are three sources, of which each other one is as probable.
  np.testing.assert_allclose(found[:2], 1)
  np.testing.assert_allclose(found[2:], [1, 0.5, 0.5], rtol=5 * least)
  tensor = tf.constant(op)
  with tf.GradientTape() as tape:
    tape.watch(tensor)
    value = expected_cost.drawn_connections(tensor, cell, tf)
  assert np.isfinite(tape.gradient(value, tensor)).all()


def test_where_nothing_has_weight_nothing_is_drawn():
  op = np.zeros([len(SPACE.cell.edges), len(SPACE.cell.primitives)])
  op[:, 0] = 1  # `none` everywhere
  np.testing.assert_array_equal(
    expected_cost.drawn_connections(op, SPACE.cell), 0
  )


@pytest.mark.parametrize('size', SIZES)
@pytest.mark.parametrize('name', ['cell_macs', 'params', 'activation_bytes'])
def test_tensors_have_the_mean_of_arrays_and_its_gradient(size, name):
  """The gradient by central differences, in float64."""
  space = SearchSpace(CellSpace(2), Lattice(4), 3)
  weights = enumeration.random_weights(space, np.random.default_rng(3))
  tables = CostModel(space, 4, size).measure_tables(name)

  def mean(op, transition, library=np):
    drawn = expected_cost.drawn_connections(op, space.cell, library)
    return expected_cost.mean(
      tables, space.lattice, drawn, transition, library
    )[0]

  tensors = [tf.constant(x, tf.float64) for x in weights]
  with tf.GradientTape() as tape:
    tape.watch(tensors)
    found = mean(*tensors, tf)
  assert float(found) == pytest.approx(mean(*weights), rel=1e-12)
  gradients = tape.gradient(found, tensors)
  rng, step = np.random.default_rng(4), 1e-6
  for part in range(2):
    for _ in range(8):
      way = rng.normal(size=weights[part].shape)
      ends = []
      for sign in (1, -1):
        moved = list(weights)
        moved[part] = weights[part] + sign * step * way
        ends.append(mean(*moved))
      slope = (ends[0] - ends[1]) / (2 * step)
      assert np.sum(gradients[part] * way) == pytest.approx(slope, rel=1e-4)
