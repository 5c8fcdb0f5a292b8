"""Decoding cells and genotypes equals exhaustive search."""

import numpy as np
import pytest

from deeplab_nas.space import (
  CellSpace,
  Lattice,
  SearchSpace,
  arch_weights,
  decode,
  primitives,
  zoo,
)
from tests.space import enumeration


def exhaustive_cell(op_probs, cell):
  """For each block the best pair of different sources, by total strength."""
  kept = [k for k, p in enumerate(cell.primitives) if not p.is_none]
  blocks = []
  for block in range(cell.num_blocks):
    terms = [
      (op_probs[cell.edge_index(source, block), k], source, k)
      for source in cell.sources(block)
      for k in kept
    ]
    _, first, second = max(
      (a[0] + b[0], a, b) for a in terms for b in terms if a[1] < b[1]
    )
    blocks.append(
      {
        (cell.source_name(source), cell.primitives[k].name)
        for _, source, k in (first, second)
      }
    )
  return blocks


@pytest.mark.parametrize('preset', primitives.PRESETS)
@pytest.mark.parametrize('num_blocks', [1, 2, 5])
def test_cell_equals_brute_force_and_never_has_none(num_blocks, preset):
  cell = CellSpace(num_blocks, primitives.PRESETS[preset])
  rng = np.random.default_rng(0)
  for _ in range(10):
    op_probs = rng.dirichlet(
      np.ones(len(cell.primitives)), size=len(cell.edges)
    )
    blocks = decode.decode_cell(op_probs, cell)
    assert list(map(set, blocks)) == exhaustive_cell(op_probs, cell)
    assert all(name != 'none' for block in blocks for _, name in block)


def test_none_does_not_win_when_it_has_all_the_weight():
  cell = CellSpace()
  op_probs = np.zeros([20, 8])
  op_probs[:, 0] = 1
  for block in decode.decode_cell(op_probs, cell):
    assert [tuple(term) for term in block] == [
      ('prev', 'max_pool_3x3'),
      ('prev_prev', 'max_pool_3x3'),
    ]


def test_an_edge_is_as_strong_as_its_best_primitive_but_none():
  cell = CellSpace(2)
  op_probs = np.full([5, 8], 0.01)
  op_probs[cell.edge_index(0, 1), 0] = 0.9  # `none` makes no edge strong
  op_probs[cell.edge_index(1, 1), 3] = 0.5
  op_probs[cell.edge_index(2, 1), 5] = 0.4
  assert decode.decode_cell(op_probs, cell)[1] == (
    ('prev_prev', 'skip_connect'),
    ('block_0', 'sep_conv_5x5'),
  )


# Three blocks of PNASNet-5 read one source twice, which decoding never does.
@pytest.mark.parametrize('name', sorted(set(zoo.names()) - {'pnasnet5'}))
def test_decoding_one_hot_weights_gives_the_architecture_back(name):
  genotype = zoo.load(name)
  space = SearchSpace.containing(genotype)
  weights = arch_weights.one_hot(genotype, space)
  assert decode.decode(weights, space) == genotype


def test_decoding_inverts_one_hot_everywhere():
  space = SearchSpace(CellSpace(4), Lattice(7, (4, 8, 16)))
  rng = np.random.default_rng(0)
  for _ in range(50):
    genotype = space.random(rng)
    weights = arch_weights.one_hot(genotype, space)
    assert decode.decode(weights, space) == genotype


@pytest.mark.parametrize('k', [1, 7, 10**4])
def test_k_best_cells_equal_enumeration(k):
  cell = enumeration.SMALL.cell
  rng = np.random.default_rng(0)
  op = rng.dirichlet(np.ones(3), len(cell.edges))
  found = decode.k_best_cells(op, cell, k)
  logs = sorted(
    (enumeration.cell_log(c, op, cell) for c in enumeration.all_cells(cell)),
    reverse=True,
  )
  np.testing.assert_allclose(
    [enumeration.cell_log(blocks, op, cell) for blocks in found], logs[:k]
  )
  assert len(found) == min(k, cell.num_decodable_cells)
  assert found[0] == decode.decode_cell(op, cell)


@pytest.mark.parametrize('preset', primitives.PRESETS)
def test_the_best_of_k_cells_is_what_decodes(preset):
  cell = CellSpace(5, primitives.PRESETS[preset])
  rng = np.random.default_rng(0)
  for _ in range(5):
    op = rng.dirichlet(np.ones(len(cell.primitives)), len(cell.edges))
    assert decode.k_best_cells(op, cell, 3)[0] == decode.decode_cell(op, cell)


@pytest.mark.parametrize('zeros', [0.0, 0.2])
@pytest.mark.parametrize('score', decode.SCORES)
def test_k_best_genotypes_equal_enumeration(score, zeros):
  weights = enumeration.random_weights(
    enumeration.SMALL, np.random.default_rng(1), zeros
  )
  scores = enumeration.all_genotypes(weights, enumeration.SMALL, score)
  for k in (1, 20, 500):
    found = decode.k_best_genotypes(weights, enumeration.SMALL, k, score)
    assert len(found) == k
    enumeration.assert_best(found, scores)
  assert found[0].genotype == decode.decode(weights, enumeration.SMALL, score)


def test_no_architecture_is_no_request():
  for ask in (
    lambda: decode.k_best_paths(np.ones([12, 4, 3]), Lattice(), 0),
    lambda: decode.k_best_cells(np.ones([20, 8]), CellSpace(), 0),
  ):
    with pytest.raises(ValueError, match='k is 0, expected at least 1'):
      ask()


def test_bad_op_weights_are_refused():
  with pytest.raises(ValueError, match=r'op_probs has shape \(20, 7\)'):
    decode.decode_cell(np.zeros([20, 7]), CellSpace())
  with pytest.raises(ValueError, match='op_probs has a value'):
    decode.decode_cell(np.full([20, 8], np.inf), CellSpace())
