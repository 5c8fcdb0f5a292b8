"""No path that the best architectures may have is dropped."""

import numpy as np

from deeplab_nas.space import CellSpace, CostModel, Lattice, SearchSpace
from deeplab_nas.space.decoding import limits as limits_lib
from deeplab_nas.space.decoding import path_front

SPACE = SearchSpace(CellSpace(2), Lattice(6))
MODEL = CostModel(SPACE, 5, (97, 65), True)
LOGS = np.random.default_rng(0).normal(size=SPACE.lattice.legal.shape)


def front(most, k):
  limits = limits_lib.Limits.of({'params': most}, MODEL)
  return path_front.search(LOGS, SPACE.lattice, limits, k), limits[0]


def score(path):
  return sum(LOGS[edge.index] for edge in SPACE.lattice.path_edges(path))


def test_scores_and_costs_are_those_of_the_paths():
  found, limits = front(np.inf, 10**9)
  paths = [tuple(levels) for levels in found.levels.tolist()]
  assert sorted(paths) == sorted(SPACE.lattice.paths())
  np.testing.assert_allclose(found.score, list(map(score, paths)))
  cell = (
    (('prev', 'sep_conv_3x3'), ('prev_prev', 'atrous_conv_3x3')),
    (('prev', 'sep_conv_3x3'), ('block_0', 'skip_connect')),
  )
  names = [primitive.name for primitive in SPACE.cell.primitives]
  genotype = SPACE.random(np.random.default_rng(0))
  for index, path in enumerate(paths[:20]):
    ops = found.ops[index][..., 0]
    cost = found.base[index, 0] + sum(
      ops[int(source != 'block_0'), names.index(name)]
      for block in cell
      for source, name in block
    )
    chosen = type(genotype)(path, cell)
    assert cost == MODEL.measure(chosen, 'params')


def test_what_is_dropped_has_k_that_are_no_worse():
  every, _ = front(np.inf, 10**9)
  for k in (1, 3):
    kept, _ = front(np.inf, k)
    assert k <= len(kept.score) < len(every.score)
    left = {tuple(levels) for levels in kept.levels.tolist()}
    for index, levels in enumerate(every.levels.tolist()):
      if tuple(levels) in left:
        continue
      finite = np.isfinite(every.ops[0])
      better = (
        (kept.score >= every.score[index] - 1e-9)
        & (kept.base <= every.base[index]).all(-1)
        & (kept.ops[:, finite] <= every.ops[index][finite]).all(-1)
      )
      assert better.sum() >= k


def test_paths_beyond_the_budget_are_dropped():
  every, limits = front(np.inf, 10**9)
  least = every.base[:, 0] + limits.least_cell(every.ops)[:, 0]
  most = float(np.median(least))
  kept, _ = front(most, 10**9)
  assert len(kept.score) == (least <= most).sum() < len(least)
  none, _ = front(least.min() - 1, 1)
  assert none.score.shape == (0,) and none.levels.shape == (0, 6)
