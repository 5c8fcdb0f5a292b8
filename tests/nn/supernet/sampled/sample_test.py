"""What one-hot weights choose, against the genotype that they are of."""

import numpy as np
import pytest

from deeplab_nas.nn.supernet.sampled import sample
from deeplab_nas.space import (
  arch_weights,
  cell_space,
  lattice,
  primitives,
  search_space,
)

SPACE = search_space.SearchSpace(
  cell_space.CellSpace(4, primitives.PRIMITIVES), lattice.Lattice(6), 2
)


@pytest.mark.parametrize('seed', range(5))
def test_the_path_and_the_operations_are_those_of_the_genotype(seed):
  genotype = SPACE.random(seed)
  found = sample.read(arch_weights.one_hot(genotype, SPACE), SPACE, 1)
  assert tuple(found.level.numpy()) == genotype.path
  np.testing.assert_array_equal(found.beta, 1)
  names = [p.name for p in SPACE.cell.primitives]
  chosen = {
    SPACE.cell.edge_index(*edge): names.index(name)
    for edge, name in genotype.edges()
  }
  for edge in range(len(SPACE.cell.edges)):
    assert bool(found.is_used[edge]) == (edge in chosen)
    assert not found.is_used[edge] or found.primitive[edge] == chosen[edge]


@pytest.mark.parametrize('seed', range(5))
def test_what_reads_nothing_but_an_absent_input_is_zero(seed):
  genotype = SPACE.random(seed)
  found = sample.read(arch_weights.one_hot(genotype, SPACE), SPACE, 1)
  path = (0, *genotype.path)
  for i, is_zero in enumerate(found.is_zero.numpy()):
    source = SPACE.lattice.prev_prev(lattice.Node(i + 1, path[i + 1]))
    expected = source.layer > 0 and path[source.layer] != source.level
    assert is_zero == expected
  values = [1, 0]  # of prev and prev_prev, then of each block
  for block in genotype.cell:
    sources = [SPACE.cell.source_name(i) for i in range(len(values))]
    values.append(max(values[sources.index(s)] for s, _ in block))
  for (edge, _), i in (
    ((edge, name), SPACE.cell.edge_index(*edge))
    for edge, name in genotype.edges()
  ):
    assert bool(found.is_left[i]) == bool(values[edge.source])


def test_an_edge_may_have_two_operations():
  weights = arch_weights.one_hot(SPACE.random(0), SPACE)
  weights.op[0] = 0
  weights.op[0, [2, 5]] = 1, 2
  found = sample.read(weights, SPACE, 2)
  np.testing.assert_array_equal(found.primitive[:2], [5, 2])
  np.testing.assert_array_equal(found.scale[:2], [2, 1])
  assert np.all(found.is_used[:2])


def test_none_is_no_operation():
  weights = arch_weights.one_hot(SPACE.random(0), SPACE)
  weights.op[:, 1:] = 0
  weights.op[:, 0] = 1
  assert primitives.PRIMITIVES[0].is_none
  assert not np.any(sample.read(weights, SPACE, 1).is_used)
