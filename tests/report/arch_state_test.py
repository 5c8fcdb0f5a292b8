"""Entropies and shares, where they can be worked out by hand."""

import math

import numpy as np
import pytest

from deeplab_nas.report import arch_state
from deeplab_nas.space import arch_weights, search_space, zoo

SPACE = search_space.SearchSpace()


def of(weights, name='auto_deeplab'):
  return arch_state.ArchState(SPACE, weights, zoo.load(name))


def test_uniform_weights_have_the_largest_entropy():
  legal = SPACE.lattice.legal
  moves = legal.sum(-1, keepdims=True)
  edge = legal / np.maximum(moves, 1)
  state = of(arch_weights.ArchWeights(np.full([20, 8], 1 / 8), edge))
  assert state.alpha_entropy == pytest.approx(math.log(8))
  assert state.alpha_decided == pytest.approx(0, abs=1e-6)
  counts = moves[moves > 0]
  assert len(counts) == 1 + 45 - 4  # the stem and all nodes but the last layer
  assert state.beta_entropy == pytest.approx(np.log(counts).mean())


def test_decided_weights_have_none():
  weights = arch_weights.one_hot(zoo.load('auto_deeplab'), SPACE)
  state = of(arch_weights.ArchWeights(weights.op, weights.transition))
  assert state.alpha_entropy == 0
  assert state.alpha_decided == 1
  assert state.beta_decided == 1
  assert state.beta_entropy == 0


def test_shares_count_connections():
  weights = arch_weights.one_hot(zoo.load('auto_deeplab'), SPACE)
  state = of(weights)
  assert state.skip_share == state.pool_share == 0
  cell = (
    (('prev', 'max_pool_3x3'), ('prev_prev', 'avg_pool_3x3')),
    (('block_0', 'skip_connect'), ('prev', 'sep_conv_3x3')),
  )
  genotype = type(state.genotype)((0, 1), cell)
  state = arch_state.ArchState(SPACE, weights, genotype)
  assert state.pool_share == 0.5
  assert state.skip_share == 0.25
  assert state.numbers()['pool_share'] == 0.5


def test_with_partial_channels_rows_are_weighted_by_their_edge():
  space = search_space.SearchSpace(partial_channels=2)
  weights = arch_weights.one_hot(zoo.load('auto_deeplab'), SPACE)
  by_edge = np.concatenate([np.full(n, 1 / n) for n in range(2, 7)])
  op = np.full([20, 8], 1 / 8) * by_edge[:, np.newaxis]
  state = arch_state.ArchState(
    space, weights._replace(op=op), zoo.load('auto_deeplab')
  )
  assert state.alpha_entropy == pytest.approx(math.log(8))
  expected = np.mean([math.log(n) for n in range(2, 7)])
  assert state.numbers()['gamma_entropy'] == pytest.approx(expected)
  assert 'gamma_entropy' not in of(weights).numbers()
