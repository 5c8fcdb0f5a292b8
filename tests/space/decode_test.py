"""Decoding equals exhaustive search."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deeplab_nas.space import (
  CellSpace,
  Lattice,
  SearchSpace,
  arch_weights,
  decode,
  primitives,
  zoo,
)

LATTICES = [
  Lattice(num_layers, (4, 8, 16, 32)[:num_levels])
  for num_layers in (1, 2, 3, 4, 6)
  for num_levels in (1, 2, 3, 4)
]


def random_edge_probs(lattice, rng, zeros=0.0):
  """Softmax over the legal moves, a share of them set to 0."""
  weights = np.exp(rng.normal(size=lattice.legal.shape)) * lattice.legal
  weights[rng.random(weights.shape) < zeros] = 0
  total = weights.sum(-1, keepdims=True)
  return np.divide(weights, total, out=np.zeros_like(weights), where=total > 0)


def exhaustive_path(edge_probs, lattice):
  def score(path):
    weights = [edge_probs[edge.index] for edge in lattice.path_edges(path)]
    logs = [math.log(weight) for weight in weights if weight]
    return -weights.count(0), sum(logs)

  # `max` keeps the first of equal paths: the finest, seen from its end.
  paths = sorted(lattice.paths(), key=lambda path: path[::-1])
  return max(paths, key=score)


@pytest.mark.parametrize('zeros', [0.0, 0.2, 0.6])
@pytest.mark.parametrize('lattice', LATTICES, ids=repr)
def test_viterbi_equals_exhaustive_search(lattice, zeros):
  rng = np.random.default_rng(0)
  for _ in range(5):
    edge_probs = random_edge_probs(lattice, rng, zeros)
    path = decode.decode_path(edge_probs, lattice)
    assert path == exhaustive_path(edge_probs, lattice)


@settings(max_examples=60, deadline=None)
@given(
  st.lists(
    st.sampled_from([0.0, 1e-300, 1e-38, 0.25, 0.5, 1.0]),
    min_size=4 * 3 * 3,
    max_size=4 * 3 * 3,
  )
)
def test_viterbi_finds_the_best_product_of_extreme_weights(values):
  lattice = Lattice(4, (4, 8, 16))
  edge_probs = np.reshape(values, [4, 3, 3])

  def score(path):
    weights = [edge_probs[edge.index] for edge in lattice.path_edges(path)]
    # Base 10 logs in units that are exact enough to compare.
    logs = sum(math.log10(weight) for weight in weights if weight)
    return -weights.count(0), round(logs, 6)

  path = decode.decode_path(edge_probs, lattice)
  assert score(path) == max(map(score, lattice.paths()))


def test_a_path_of_tiny_weights_beats_one_with_a_zero():
  lattice = Lattice(12, (4, 8))
  edge_probs = np.zeros(lattice.legal.shape)
  edge_probs[:, 1, 1] = 1  # stride 8 is free, but cannot be reached
  edge_probs[:, 0, 1] = 1e-38
  assert decode.decode_path(edge_probs, lattice) == (0,) * 12


def test_illegal_entries_are_never_read():
  lattice = Lattice(4, (4, 8, 16))
  edge_probs = random_edge_probs(lattice, np.random.default_rng(0))
  poisoned = np.where(lattice.legal, edge_probs, 1e9)
  path = decode.decode_path(edge_probs, lattice)
  assert decode.decode_path(poisoned, lattice) == path


def test_equal_paths_decode_to_the_finest():
  lattice = Lattice()
  assert decode.decode_path(np.ones([12, 4, 3]), lattice) == (0,) * 12


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


@pytest.mark.parametrize(
  'values, message',
  [
    (np.zeros([12, 4]), r'edge_probs has shape \(12, 4\), expected'),
    (np.full([12, 4, 3], np.nan), 'edge_probs has a value that is not finite'),
    (np.full([12, 4, 3], -0.5), 'edge_probs has the negative weight -0.5'),
  ],
)
def test_bad_edge_weights_are_refused(values, message):
  with pytest.raises(ValueError, match=message):
    decode.decode_path(values, Lattice())


def test_bad_op_weights_are_refused():
  with pytest.raises(ValueError, match=r'op_probs has shape \(20, 7\)'):
    decode.decode_cell(np.zeros([20, 7]), CellSpace())
  with pytest.raises(ValueError, match='op_probs has a value'):
    decode.decode_cell(np.full([20, 8], np.inf), CellSpace())
