"""Margins equal those of enumeration."""

import itertools

import numpy as np
import pytest

from deeplab_nas.space import cell_space, decode, lattice, primitives
from deeplab_nas.space.decoding import margins


def test_a_layers_margin_is_what_the_best_other_path_lacks():
  grid = lattice.Lattice(5, (4, 8, 16))
  rng = np.random.default_rng(0)
  probs = rng.uniform(0.1, 1, [3, *grid.legal.shape]) * grid.legal
  logs = np.stack([decode.log_weights(each, grid) for each in probs])
  found = margins.of_path(logs, grid)
  assert found.shape == (3, 5)
  for log, row in zip(logs, found):
    scores = {
      path: sum(log[edge.index] for edge in grid.path_edges(path))
      for path in grid.paths()
    }
    best = max(scores, key=scores.get)
    for layer in range(5):
      other = max(s for p, s in scores.items() if p[layer] != best[layer])
      assert row[layer] == pytest.approx(scores[best] - other)


def test_a_layer_of_one_level_has_no_alternative():
  grid = lattice.Lattice(3, (4,))
  assert np.isinf(margins.of_path(np.zeros(grid.legal.shape), grid)).all()


def test_a_connections_margin_is_what_the_best_other_block_lacks():
  names = (primitives.SKIP, primitives.NONE, primitives.MAX_POOL_3X3)
  cell = cell_space.CellSpace(2, names)
  rng = np.random.default_rng(1)
  logs = np.log(rng.uniform(0.1, 1, [4, len(cell.edges), 3]))
  found = margins.of_cell(logs, cell)
  assert found.shape == (4, 2, 2)
  for log, blocks in zip(logs, found):
    chosen = decode.decode_cell(np.exp(log), cell)
    for block in range(2):
      scores = {}
      for pair in itertools.combinations(cell.sources(block), 2):
        for kinds in itertools.product((0, 2), repeat=2):
          terms = frozenset(
            (cell.source_name(s), names[k].name) for s, k in zip(pair, kinds)
          )
          edges = [cell.edge_index(s, block) for s in pair]
          scores[terms] = log[edges, list(kinds)].sum()
      best = max(scores, key=scores.get)
      assert best == frozenset(map(tuple, chosen[block]))
      for connection, margin in zip(chosen[block], blocks[block]):
        other = max(s for p, s in scores.items() if tuple(connection) not in p)
        assert margin == pytest.approx(scores[best] - other)


def test_one_operation_on_two_sources_is_no_choice():
  cell = cell_space.CellSpace(1, (primitives.NONE, primitives.SKIP))
  assert np.isinf(margins.of_cell(np.zeros([2, 2]), cell)).all()
