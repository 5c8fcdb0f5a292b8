"""Decoding equals exhaustive search."""

import itertools
import math
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deeplab_nas.space import (
  CellSpace,
  CostModel,
  Genotype,
  Lattice,
  SearchSpace,
  arch_weights,
  decode,
  primitives,
  widest,
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


def exhaustive_paths(edge_probs, lattice, score):
  """All paths, the best first, with their scores."""

  def weight(edge):
    exits = sum(e.source == edge.source for e in lattice.edges)
    return edge_probs[edge.index] * (exits if score == 'ratio' else 1)

  def key(path):
    weights = [weight(edge) for edge in lattice.path_edges(path)]
    logs = [math.log(weight) for weight in weights if weight]
    return -weights.count(0), sum(logs)

  # `max` keeps the first of equal paths: the finest, seen from its end.
  paths = sorted(lattice.paths(), key=lambda path: path[::-1])
  return [(path, key(path)) for path in sorted(paths, key=key, reverse=True)]


@pytest.mark.parametrize('score', decode.SCORES)
@pytest.mark.parametrize('zeros', [0.0, 0.2, 0.6])
@pytest.mark.parametrize('lattice', LATTICES, ids=repr)
def test_viterbi_equals_exhaustive_search(lattice, zeros, score):
  rng = np.random.default_rng(0)
  for _ in range(5):
    edge_probs = random_edge_probs(lattice, rng, zeros)
    path = decode.decode_path(edge_probs, lattice, score)
    assert path == exhaustive_paths(edge_probs, lattice, score)[0][0]


@settings(max_examples=60, deadline=None)
@given(
  lattice=st.sampled_from(LATTICES),
  score=st.sampled_from(decode.SCORES),
  zeros=st.sampled_from([0.0, 0.3]),
  k=st.integers(1, 40),
  seed=st.integers(0, 2**32 - 1),
)
def test_k_best_paths_equal_enumeration(lattice, score, zeros, k, seed):
  rng = np.random.default_rng(seed)
  edge_probs = random_edge_probs(lattice, rng, zeros)
  found = decode.k_best_paths(edge_probs, lattice, k, score)
  expected = exhaustive_paths(edge_probs, lattice, score)
  keys = dict(expected)
  assert len(found) == len(set(found)) == min(k, lattice.num_paths)
  for path, (_, (zeros, log)) in zip(found, expected):
    assert keys[path][0] == zeros
    assert math.isclose(keys[path][1], log, abs_tol=1e-9)
  assert decode.decode_path(edge_probs, lattice, score) == found[0]


def test_all_paths_can_be_asked_for():
  lattice = Lattice(4, (4, 8, 16))
  found = decode.k_best_paths(np.ones([4, 3, 3]), lattice, 10**6, 'product')
  assert sorted(found) == sorted(lattice.paths())
  # All are equal: the finer, seen from the end, comes first.
  assert found == sorted(lattice.paths(), key=lambda path: path[::-1])


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

  path = decode.decode_path(edge_probs, lattice, 'product')
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
  ones = np.ones([12, 4, 3])
  assert decode.decode_path(ones, lattice, 'product') == (0,) * 12
  exits = lattice.legal.sum(-1, keepdims=True)
  even = lattice.legal / np.maximum(exits, 1)
  assert decode.decode_path(even, lattice, 'ratio') == (0,) * 12


def layer_shares(paths, num_levels=4):
  counts = np.bincount(np.ravel(paths), minlength=num_levels)
  return counts / counts.sum()


def noisy_betas(lattice, entropy, num, seed):
  """Softmax of normal logits over the legal moves, of a mean entropy."""
  rng = np.random.default_rng(seed)
  logits = rng.normal(size=(num, *lattice.legal.shape))

  def betas(scale):
    weights = np.exp(scale * logits) * lattice.legal
    total = weights.sum(-1, keepdims=True)
    return np.divide(
      weights, total, out=np.zeros_like(weights), where=total > 0
    )

  def mean_entropy(scale):
    return arch_weights.entropy(betas(scale))[:, lattice.legal.any(-1)].mean()

  low, high = 0.0, 10.0
  for _ in range(30):
    middle = (low + high) / 2
    low, high = (
      (middle, high) if mean_entropy(middle) > entropy else (low, middle)
    )
  return betas(low)


@pytest.mark.parametrize('seed', range(3))
def test_betas_of_noise_decode_to_the_layers_of_all_paths(seed):
  """At the entropy that a search on CamVid ended with, 0.878 nats."""
  lattice = Lattice()
  every = np.array(list(lattice.paths()))
  betas = noisy_betas(lattice, 0.878, 400, seed)
  decoded = {
    score: np.array([decode.decode_path(b, lattice, score) for b in betas])
    for score in decode.SCORES
  }
  shares = layer_shares(every)
  np.testing.assert_allclose(shares, [0.2, 0.41, 0.3, 0.1], atol=0.01)
  np.testing.assert_allclose(layer_shares(decoded['ratio']), shares, atol=0.03)

  def edge_heavy(paths):
    """Share of paths with 8 of 12 layers or more at stride 4 or 32."""
    return (np.isin(paths, [0, 3]).sum(-1) >= 8).mean()

  assert edge_heavy(every) < 0.03 and edge_heavy(decoded['ratio']) < 0.06
  assert edge_heavy(decoded['product']) > 0.85


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


SMALL = SearchSpace(
  CellSpace(2, (primitives.NONE, primitives.SKIP, primitives.SEP_CONV_3X3)),
  Lattice(3, (4, 8, 16)),
)


def random_weights(space, rng, zeros=0.0):
  op = rng.dirichlet(np.ones(len(space.cell.primitives)), len(space.cell.edges))
  op[rng.random(op.shape) < zeros] = 0
  return arch_weights.ArchWeights(
    op, random_edge_probs(space.lattice, rng, zeros)
  )


def all_cells(cell):
  names = [p.name for p in cell.primitives if not p.is_none]
  blocks = [
    [
      ((cell.source_name(a), x), (cell.source_name(b), y))
      for a, b in itertools.combinations(cell.sources(block), 2)
      for x, y in itertools.product(names, repeat=2)
    ]
    for block in range(cell.num_blocks)
  ]
  return itertools.product(*blocks)


def cell_log(blocks, op, cell):
  names = [primitive.name for primitive in cell.primitives]
  sources = [cell.source_name(i) for i in range(cell.num_sources)]
  with np.errstate(divide='ignore'):
    return sum(
      np.log(
        op[cell.edge_index(sources.index(source), block), names.index(name)]
      )
      for block, terms in enumerate(blocks)
      for source, name in terms
    )


def all_genotypes(weights, space, score):
  """Every architecture that decoding can emit, with its highest score."""
  logs = decode.log_weights(weights.transition, space.lattice, score)
  scores = {}
  for blocks in all_cells(space.cell):
    of_cell = cell_log(blocks, weights.op, space.cell)
    for path in space.lattice.paths():
      genotype = Genotype(path, blocks)
      value = of_cell + sum(
        logs[edge.index] for edge in space.lattice.path_edges(path)
      )
      scores[genotype] = max(value, scores.get(genotype, -np.inf))
  return scores


def assert_best(found, scores):
  """That candidates are the best of some architectures, in order."""
  expected = sorted(scores.values(), reverse=True)[: len(found)]
  genotypes = [candidate.genotype for candidate in found]
  assert len(set(genotypes)) == len(genotypes)
  np.testing.assert_allclose([c.score for c in found], expected, atol=1e-9)
  np.testing.assert_allclose(
    [scores[g] for g in genotypes], expected, atol=1e-9
  )


@pytest.mark.parametrize('k', [1, 7, 10**4])
def test_k_best_cells_equal_enumeration(k):
  cell = SMALL.cell
  rng = np.random.default_rng(0)
  op = rng.dirichlet(np.ones(3), len(cell.edges))
  found = decode.k_best_cells(op, cell, k)
  logs = sorted((cell_log(c, op, cell) for c in all_cells(cell)), reverse=True)
  np.testing.assert_allclose(
    [cell_log(blocks, op, cell) for blocks in found], logs[:k]
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
  weights = random_weights(SMALL, np.random.default_rng(1), zeros)
  scores = all_genotypes(weights, SMALL, score)
  for k in (1, 20, 500):
    found = decode.k_best_genotypes(weights, SMALL, k, score)
    assert len(found) == k
    assert_best(found, scores)
  assert found[0].genotype == decode.decode(weights, SMALL, score)


BUDGET_SPACES = [
  SMALL,
  SearchSpace(
    CellSpace(
      2,
      (
        primitives.NONE,
        primitives.MAX_POOL_3X3,
        primitives.SEP_CONV_5X5,
        primitives.ATROUS_CONV_3X3,
      ),
    ),
    Lattice(2),
  ),
  SearchSpace(
    CellSpace(1, (primitives.SKIP, primitives.DIL_CONV_3X3)), Lattice(6)
  ),
]
BUDGETS = [
  *([name] for name in widest.MEASURES),
  ['macs', 'params'],
  ['cell_macs', 'params', 'activation_bytes'],
]


@pytest.mark.parametrize('names', BUDGETS, ids='-'.join)
@pytest.mark.parametrize('space', BUDGET_SPACES, ids=['small', 'wide', 'long'])
@pytest.mark.parametrize('size', [(97, 65), (70, 50)], ids=['even', 'padded'])
def test_the_best_within_a_budget_equal_enumeration(space, names, size):
  rng = np.random.default_rng(len(names))
  model = CostModel(space, 3, size, True, (8, 8, 16), 8).with_filter_multiplier(
    5
  )
  weights = random_weights(space, rng, zeros=0.05)
  scores = all_genotypes(weights, space, 'ratio')
  costs = {
    genotype: [model.measure(genotype, name) for name in names]
    for genotype in scores
  }
  values = np.array(list(costs.values()))
  for share in (0.02, 0.3, 0.9):
    most = np.quantile(values, share, axis=0, method='lower')
    within = {g: scores[g] for g in scores if np.all(costs[g] <= most)}
    budget = dict(zip(names, most.tolist()))
    options = {'budget': budget, 'cost_model': model}
    if not within:
      with pytest.raises(decode.BudgetError, match='within all limits at once'):
        decode.decode(weights, space, **options)
      continue
    best = decode.decode(weights, space, **options)
    np.testing.assert_allclose(scores[best], max(within.values()))
    assert np.all(costs[best] <= most)
    found = decode.k_best_genotypes(weights, space, 30, **options)
    assert len(found) == min(30, len(within))
    assert_best(found, within)


@settings(max_examples=12, deadline=None)
@given(
  seed=st.integers(0, 2**32 - 1),
  share=st.floats(0, 1),
  score=st.sampled_from(decode.SCORES),
)
def test_one_limit_equals_enumeration(seed, share, score):
  space = SearchSpace(
    CellSpace(1, primitives.PRIMITIVES), Lattice(3, (4, 8, 16)), 3
  )
  rng = np.random.default_rng(seed)
  weights = random_weights(space, rng)
  model = CostModel(space, 2, (50, 70), True, (8, 8, 8), 8)
  name = list(widest.MEASURES)[seed % len(widest.MEASURES)]
  scores = all_genotypes(weights, space, score)
  costs = {g: model.measure(g, name) for g in scores}
  most = np.quantile(list(costs.values()), share, method='lower')
  best = decode.decode(weights, space, score, {name: most}, model)
  assert costs[best] <= most
  np.testing.assert_allclose(
    scores[best], max(v for g, v in scores.items() if costs[g] <= most)
  )


def test_a_budget_below_everything_names_the_cheapest():
  space = BUDGET_SPACES[1]
  model = CostModel(space, 3, (65, 65))
  weights = random_weights(space, np.random.default_rng(0))
  costs = {
    genotype: model.measure(genotype, 'macs')
    for genotype in all_genotypes(weights, space, 'ratio')
  }
  least = min(costs.values())
  message = f'macs of at most {least - 1:,}: the cheapest needs {least:,}, with'
  with pytest.raises(decode.BudgetError, match=message) as caught:
    decode.decode(weights, space, budget={'macs': least - 1}, cost_model=model)
  text = str(caught.value)
  assert any(
    str(list(genotype.path)) in text and str(genotype).splitlines()[-1] in text
    for genotype, value in costs.items()
    if value == least
  )
  best = decode.decode(weights, space, budget={'macs': least}, cost_model=model)
  assert costs[best] == least


@pytest.mark.parametrize(
  'names', [['cell_macs'], ['cell_macs', 'params']], ids='-'.join
)
@pytest.mark.parametrize('stddev', [1e-3, 1.0])
def test_the_papers_space_is_decoded_within_a_budget_in_seconds(stddev, names):
  """Exact there too: no random architecture within the budget scores more."""
  space = SearchSpace()
  rng = np.random.default_rng(0)
  op = np.exp(stddev * rng.normal(size=(20, 8)))
  transition = np.exp(stddev * rng.normal(size=(12, 4, 3)))
  transition *= space.lattice.legal
  total = transition.sum(-1, keepdims=True)
  weights = arch_weights.ArchWeights(
    op / op.sum(-1, keepdims=True),
    np.divide(transition, total, out=transition, where=total > 0),
  )
  model = CostModel(space, 19, (129, 129))
  free = decode.decode(weights, space)
  budget = {name: 0.8 * model.measure(free, name) for name in names}
  start = time.process_time()
  (best, best_score), *_ = decode.k_best_genotypes(
    weights, space, 1, budget=budget, cost_model=model
  )
  assert time.process_time() - start < 20
  assert all(model.measure(best, name) <= budget[name] for name in names)
  logs = decode.log_weights(weights.transition, space.lattice)

  def score(genotype):
    edges = space.lattice.path_edges(genotype.path)
    return cell_log(genotype.cell, weights.op, space.cell) + sum(
      logs[edge.index] for edge in edges
    )

  for other in itertools.islice(neighbours(space, best, rng), 300):
    if all(model.measure(other, name) <= budget[name] for name in names):
      assert score(other) <= best_score + 1e-9


def neighbours(space, genotype, rng):
  while True:
    yield space.mutate(genotype, rng)


@pytest.mark.parametrize(
  'options, message',
  [
    ({'budget': {'macs': 1e9}}, 'a budget needs a cost_model'),
    (
      {'budget': {'macs': 1e9}, 'cost_model': CostModel()},
      'of another space than the weights',
    ),
    (
      {'budget': {'flops': 1}, 'cost_model': CostModel(SMALL)},
      "no budget of 'flops'; expected cell_macs",
    ),
    (
      {'budget': {'macs': math.nan}, 'cost_model': CostModel(SMALL)},
      'the budget of macs is nan',
    ),
    ({'score': 'best'}, "no score 'best'; expected ratio or product"),
  ],
)
def test_what_cannot_be_decoded_is_refused(options, message):
  weights = random_weights(SMALL, np.random.default_rng(0))
  with pytest.raises(ValueError, match=message):
    decode.decode(weights, SMALL, **options)


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
