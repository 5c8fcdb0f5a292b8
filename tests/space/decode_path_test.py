"""The decoded path is the best of all paths, and no path is favoured."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deeplab_nas.space import Lattice, arch_weights, decode
from tests.space import enumeration

LATTICES = [
  Lattice(num_layers, (4, 8, 16, 32)[:num_levels])
  for num_layers in (1, 2, 3, 4, 6)
  for num_levels in (1, 2, 3, 4)
]


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
    edge_probs = enumeration.random_edge_probs(lattice, rng, zeros)
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
  edge_probs = enumeration.random_edge_probs(lattice, rng, zeros)
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
  edge_probs = enumeration.random_edge_probs(lattice, np.random.default_rng(0))
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
