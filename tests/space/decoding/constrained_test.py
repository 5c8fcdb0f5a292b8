"""Best first; that it equals enumeration is in `decode_test.py`."""

import itertools

import numpy as np
import pytest

from deeplab_nas.space import CellSpace, CostModel, Lattice, SearchSpace
from deeplab_nas.space.decoding import constrained
from deeplab_nas.space.decoding import limits as limits_lib

SPACE = SearchSpace(CellSpace(2), Lattice(4))
MODEL = CostModel(SPACE, 5, (97, 65), True, (8, 8, 8), 8)


def search(budget, k, seed=0):
  rng = np.random.default_rng(seed)
  return constrained.Search(
    rng.normal(size=SPACE.lattice.legal.shape),
    rng.normal(size=[len(SPACE.cell.edges), len(SPACE.cell.primitives)]),
    SPACE,
    limits_lib.Limits.of(budget, MODEL),
    k,
  )


def test_scores_fall_and_costs_stay_within():
  budget = {'macs': 3e6, 'params': 3e4}
  found = list(itertools.islice(search(budget, 200), 200))
  scores = [score for _, score in found]
  assert len(found) == 200 and scores == sorted(scores, reverse=True)
  for genotype, _ in found:
    assert all(
      MODEL.measure(genotype, name) <= most for name, most in budget.items()
    )


@pytest.mark.parametrize('name', ['macs', 'params', 'activation_bytes'])
def test_no_random_architecture_is_cheaper_than_the_cheapest(name):
  limits = limits_lib.Limits.of({name: 0}, MODEL)
  genotype, value = constrained.cheapest(SPACE, limits)
  assert value == MODEL.measure(genotype, name)
  rng = np.random.default_rng(0)
  assert all(
    MODEL.measure(SPACE.random(rng), name) >= value for _ in range(200)
  )
  assert not list(search({name: value - 1}, 1))
  assert len(list(itertools.islice(search({name: value}, 1), 1))) == 1


def test_a_weight_of_0_counts_more_than_all_others():
  path_logs = np.full(SPACE.lattice.legal.shape, -700.0)
  path_logs[:, :, 1] = 0.0
  cell_logs = np.full([5, 8], -700.0)
  cell_logs[0] = -np.inf
  limits = limits_lib.Limits.of({'macs': np.inf}, MODEL)
  found = constrained.Search(path_logs, cell_logs, SPACE, limits, 1)
  # Block 0 has to read both inputs, block 1 need not read edge 0's.
  genotype, score = next(iter(found))
  assert score == -np.inf and genotype.path == (0, 0, 0, 0)
