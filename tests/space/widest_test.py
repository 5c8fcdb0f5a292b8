"""The largest width within a budget equals enumeration of all widths."""

import dataclasses

import numpy as np
import pytest

from deeplab_nas.space import (
  CellSpace,
  CostModel,
  Lattice,
  SearchSpace,
  primitives,
  widest,
  zoo,
)

MODEL = CostModel(SearchSpace(), 19, (97, 129), True, (16, 16, 32), 64)


def cost(model, genotype, width, of):
  parts = model.with_filter_multiplier(width).breakdown(genotype)
  if of == 'cell_macs':
    return parts['cells'].macs
  return sum(getattr(part, of) for part in parts.values())


def enumerated(model, genotype, budget, of, highest):
  """The largest of a grid twice as fine as that on which filters change."""
  widths = np.arange(1, highest, 1 / 16)
  fitting = [w for w in widths if cost(model, genotype, w, of) <= budget]
  return (
    int(16 * fitting[-1])
    // 2 ** (4 - max(genotype.path))
    / 2 ** max(genotype.path)
  )


@pytest.mark.parametrize('of', widest.MEASURES)
def test_widest_equals_enumeration(of):
  rng = np.random.default_rng(0)
  space = SearchSpace(CellSpace(2), Lattice(3))
  model = dataclasses.replace(MODEL, space=space)
  for _ in range(8):
    genotype = space.random(rng)
    low, high = (cost(model, genotype, width, of) for width in (1, 12))
    budget = rng.integers(low, high)
    found = model.widest(genotype, budget, of)
    assert found == enumerated(model, genotype, budget, of, 14)
    assert cost(model, genotype, found, of) <= budget


def test_a_projection_that_falls_away_makes_a_wider_network_cheaper():
  """One block, H^{l-2} of 8 channels: at F = 8 it needs no projection."""
  space = SearchSpace(
    CellSpace(1, (primitives.MAX_POOL_3X3,)), Lattice(1, (4,))
  )
  genotype = space.random(np.random.default_rng(0))
  model = CostModel(space, 2, (33, 33), False, (8, 8, 128), 8)
  below, at = (cost(model, genotype, width, 'params') for width in (7, 8))
  beyond = cost(model, genotype, 9, 'params')
  assert model.widest(genotype, at, 'params') == 8
  assert at < beyond
  # No narrower network fits, and F = 8 is found from above.
  wide = CostModel(space, 2, (33, 33), False, (8, 1024, 8), 8)
  costs = {
    width: cost(
      dataclasses.replace(wide, space=space), genotype, width, 'params'
    )
    for width in range(1, 1200)
  }
  assert costs[1024] < costs[1023]
  for budget in (costs[1024], costs[1023], costs[1000], costs[1025] - 1):
    fitting = [width for width in costs if costs[width] <= budget]
    assert wide.widest(genotype, budget, 'params') == fitting[-1]
  assert below < costs[1024]


def test_whole_widths_are_whole_numbers_and_the_spaces_own_does_not_matter():
  genotype = zoo.load('auto_deeplab')
  model = CostModel()
  for width in (8, 20):
    budget = cost(model, genotype, width, 'cell_macs')
    found = model.widest(genotype, budget)
    assert found == width and type(found) is int
    assert model.widest(genotype, budget - 1) == width - 1 / 8


def test_equal_cell_multiply_adds_for_the_whole_zoo():
  for name in zoo.names():
    genotype = zoo.load(name)
    model = dataclasses.replace(MODEL, space=SearchSpace.containing(genotype))
    width = model.widest(genotype, 100e6)
    wider = width + 1 / 2 ** max(genotype.path)
    used = cost(model, genotype, width, 'cell_macs')
    assert 0.85 * 100e6 < used <= 100e6
    assert cost(model, genotype, wider, 'cell_macs') > 100e6


def test_what_has_no_answer_is_refused():
  genotype = zoo.load('auto_deeplab')
  needed = cost(MODEL, genotype, 1, 'params')
  assert MODEL.widest(genotype, needed, 'params') == 1
  said = (
    f'no width has at most {needed - 1:,} parameters: F = 1 needs {needed:,}'
  )
  with pytest.raises(ValueError, match=said):
    MODEL.widest(genotype, needed - 1, 'params')
  with pytest.raises(ValueError, match="no budget of 'flops'; expected cell_m"):
    MODEL.widest(genotype, 1e9, 'flops')
  with pytest.raises(ValueError, match='budget is nan'):
    MODEL.widest(genotype, float('nan'))
  with pytest.raises(ValueError, match='the lattice has 3 layers'):
    dataclasses.replace(MODEL, space=SearchSpace(lattice=Lattice(3))).widest(
      genotype, 1e9
    )
