"""Costs fall apart into a path's and those of a cell's operations."""

import numpy as np
import pytest

from deeplab_nas.space import CellSpace, CostModel, Lattice, SearchSpace, widest
from deeplab_nas.space.decoding import limits

SPACE = SearchSpace(CellSpace(3), Lattice(4))
MODEL = CostModel(SPACE, 5, (97, 65), True)


def summed(found, genotype):
  names = [primitive.name for primitive in SPACE.cell.primitives]
  levels = (0, 0) + genotype.path
  cost = found.stem + found.first[levels[2]] + found.last[levels[-1]]
  for layer, places in enumerate(zip(levels, levels[1:], levels[2:])):
    cost = cost + found.cell[(layer, *places)]
    for edge, primitive in genotype.edges():
      kind = int(edge.source < 2)
      cost = cost + found.op_kinds[places[1:]][kind, names.index(primitive)]
  return cost


def test_sums_are_the_costs_of_the_model():
  (found,) = limits.Limits.of(dict.fromkeys(widest.MEASURES, 1), MODEL)
  rng = np.random.default_rng(0)
  for _ in range(10):
    genotype = SPACE.random(rng)
    assert summed(found, genotype).tolist() == [
      MODEL.measure(genotype, name) for name in widest.MEASURES
    ]


def test_none_is_never_within():
  (found,) = limits.Limits.of({'macs': 1}, MODEL)
  assert np.isinf(found.op_kinds[..., 0, :]).all()
  assert np.isfinite(found.op_kinds[..., 1:, :]).all()


def test_the_least_blocks_by_hand():
  (found,) = limits.Limits.of({'macs': 1}, MODEL)
  # Reading a block costs 3 or 4, reading an input 5 or 7.
  ops = np.array([[3, 4], [5, 7]])[..., np.newaxis]
  # Two inputs; an input and the only block; two blocks.
  assert found.least_blocks(ops)[:, 0].tolist() == [10, 8, 6]
  assert found.least_cell(ops).tolist() == [24]
  cheap_inputs = ops[::-1]
  assert found.least_blocks(cheap_inputs)[:, 0].tolist() == [6, 6, 6]


def test_one_measure_of_several():
  (both,) = limits.Limits.of({'macs': 1, 'params': 2}, MODEL)
  alone = both.alone(1)
  (expected,) = limits.Limits.of({'params': 2}, MODEL)
  assert alone.names == expected.names
  np.testing.assert_array_equal(alone.most, expected.most)
  np.testing.assert_array_equal(alone.op_kinds, expected.op_kinds)


@pytest.mark.parametrize('limit', [float('nan'), 'many', None])
def test_limits_are_numbers(limit):
  with pytest.raises(ValueError, match='the budget of macs is'):
    limits.Limits.of({'macs': limit}, MODEL)
