"""Shares are counted in the supernet's order of blocks."""

import numpy as np
import pytest

from deeplab_nas.report import arch_state, decode_agreement
from deeplab_nas.space import arch_weights, decode, search_space

SPACE = search_space.SearchSpace()


def state(seed):
  rng = np.random.default_rng(seed)
  op = rng.dirichlet(np.ones(8), 20)
  legal = SPACE.lattice.legal
  edge = rng.uniform(0.1, 1, legal.shape) * legal
  weights = arch_weights.ArchWeights(op, edge)
  return arch_state.ArchState(SPACE, weights, decode.decode(weights, SPACE))


def test_a_state_agrees_with_itself():
  record = decode_agreement.record(state(0))
  assert decode_agreement.between(record, record) == (1, 1)
  assert len(record['path']) == 12 and len(record['cell']) == 5


def test_one_other_operation_is_a_tenth_of_the_cell():
  """A genotype's own order of blocks might have changed with it."""
  before = state(1)
  op = before.weights.op.copy()
  cell = decode.decode_cell(op, SPACE.cell)
  source, name = cell[0][0]
  row = SPACE.cell.edge_index({'prev': 0, 'prev_prev': 1}[source], 0)
  names = [primitive.name for primitive in SPACE.cell.primitives]
  other = 3 if names.index(name) != 3 else 4
  op[row, other] = op[row].max() + 0.01
  after = arch_state.ArchState(
    SPACE, before.weights._replace(op=op), before.genotype
  )
  agreement = decode_agreement.between(
    *map(decode_agreement.record, (before, after))
  )
  assert agreement == pytest.approx((0.9, 1))


def test_the_epoch_before_is_compared_with():
  lines = [{'epoch': 1, 'decoded': decode_agreement.record(state(2))}]
  assert decode_agreement.numbers(state(2), lines) == {
    'connections_as_before': 1,
    'layers_as_before': 1,
  }
  other = decode_agreement.numbers(state(3), lines)
  assert other['connections_as_before'] < 0.5
  assert decode_agreement.numbers(state(2), []) == {}
  assert decode_agreement.numbers(state(2), [{'epoch': 1}]) == {}


def test_the_last_epochs_are_averaged():
  a, b = (
    {'cell': [[['prev', 'x'], ['prev_prev', y]]], 'path': [0, level]}
    for y, level in (('x', 0), ('z', 1))
  )
  lines = [{'decoded': each} for each in (b, b, a, b, a)]
  count, shares = decode_agreement.of_last(lines, 2)
  assert count == 2
  assert shares == pytest.approx((0.75, 0.75))
  assert decode_agreement.of_last(lines[:1], 2) is None
  assert decode_agreement.of_last([{}, {}], 2) is None
