"""Noise is called noise, and what was planted is found."""

import numpy as np
import pytest

from deeplab_nas.report import arch_evidence
from deeplab_nas.space import (
  cell_space,
  decode,
  lattice,
  primitives,
  search_space,
)

SPACE = search_space.SearchSpace()
NUM_WALKS = 64


def readings(planted=0.0, seed=0, space=SPACE, gradients=None):
  """Logits that walk with steps of 0.2, and what is planted in the search's.

  What is planted prefers skips, and to go down.
  """
  rng = np.random.default_rng(seed)
  cell = space.cell
  shapes = {
    'alpha': (len(cell.edges), len(cell.primitives)),
    'beta': space.lattice.legal.shape,
  }
  if space.partial_channels > 1:
    shapes['gamma'] = (len(cell.edges),)
  start = {name: rng.normal(0, 1e-3, each) for name, each in shapes.items()}
  walks = {
    name: start[name] + rng.normal(0, 0.2, (NUM_WALKS, *each))
    for name, each in shapes.items()
  }
  now = {n: start[n] + rng.normal(0, 0.2, each) for n, each in shapes.items()}
  now['alpha'][:, -1] += planted
  now['beta'][..., lattice.DOWN] += planted
  products = {name: rng.normal(0, 0.1, 1 + NUM_WALKS) for name in shapes}
  squares = {name: np.ones([2, 1 + NUM_WALKS]) for name in shapes}
  for name in shapes:
    products[name][0] += planted / 2
  return arch_evidence.Readings(352, start, now, walks, products, squares)


def weigh(*args, space=SPACE, **kwargs):
  return arch_evidence.weigh(
    readings(*args, space=space, **kwargs), space, decode.RATIO
  )


def test_noise_is_undetermined():
  found = [weigh(seed=seed) for seed in range(20)]
  assert all(each.is_undetermined for each in found)
  assert all(not each.learnt for each in found)
  # One search in twenty may have a decision by chance.
  decided = [each.decided for each in found]
  assert sum(count > 0 for count, _ in decided) <= 4
  assert {total for _, total in decided} == {10 + 12}
  signals = [each.drifts[name].signal for each in found for name in each.drifts]
  assert abs(np.mean(signals)) < 0.5
  assert 0.5 < np.std(signals) < 1.6


def test_what_was_planted_is_decided():
  found = weigh(planted=2.0)
  assert found.learnt == ('alpha', 'beta')
  assert not found.is_undetermined
  # Edges of a block are alike in it, so that sources stay undecided.
  assert found.drifts['alpha'].signal > 10
  assert found.halves['beta'].signal > 3
  assert found.connections[0].all()  # block 0 has no choice of sources
  # It is at the coarsest stride from the third layer on.
  assert found.layers[:3].all() and found.layers.mean() > 0.7


def test_decisions_are_of_what_decoding_reads():
  """Of concentrations that hardly differ nothing is decided, for one."""
  state = readings(planted=3.0)
  assert arch_evidence.weigh(state, SPACE, decode.RATIO).connections.any()
  same = state._replace(to_logits=np.zeros_like)
  found = arch_evidence.weigh(same, SPACE, decode.RATIO)
  assert not found.connections.any() and not found.layers.any()
  assert 'alpha' in found.learnt


def test_numbers_are_flat_and_named():
  numbers = weigh(planted=1.0).numbers()
  assert numbers['alpha_signal'] == pytest.approx(
    (numbers['alpha_drift'] - numbers['alpha_drift_of_noise'])
    / weigh(planted=1.0).drifts['alpha'].stddev
  )
  assert 0 <= numbers['connections_decided'] <= 1
  assert 0 <= numbers['layers_decided'] <= 1
  assert numbers['alpha_halves_agree'] == pytest.approx(0.5, abs=0.3)
  assert all(np.isfinite(value) for value in numbers.values())


def test_a_drift_is_the_way_without_what_a_softmax_undoes():
  state = readings()
  state.now['alpha'][:] = state.start['alpha'] + 5  # the same for all
  state.now['beta'][:] = state.start['beta']
  state.now['beta'][0] += [0, 3, -3]  # the stem's, which the loss cannot see
  found = arch_evidence.weigh(state, SPACE, decode.RATIO)
  assert found.drifts['alpha'].value == pytest.approx(0, abs=1e-9)
  assert found.drifts['beta'].value == pytest.approx(0, abs=1e-9)
  state.now['alpha'][:, :4] += 1
  found = arch_evidence.weigh(state, SPACE, decode.RATIO)
  assert found.drifts['alpha'].value == pytest.approx(0.5)


def test_gamma_counts_with_partial_channels():
  space = search_space.SearchSpace(
    cell_space.CellSpace(3), lattice.Lattice(3), 4, partial_channels=2
  )
  state = readings(space=space)
  assert 'gamma' not in arch_evidence.weigh(state, space, 'ratio').learnt
  # The same of all edges of a block is nothing.
  state.now['gamma'][:] = state.start['gamma'] + [7, 7, 8, 8, 8, 9, 9, 9, 9]
  found = arch_evidence.weigh(state, space, 'ratio')
  assert found.drifts['gamma'].value == pytest.approx(0, abs=1e-9)
  state.now['gamma'][2:5] += [9, 0, 0]
  state.now['gamma'][5:] += [9, 6, 3, 0]
  found = arch_evidence.weigh(state, space, 'ratio')
  assert 'gamma' in found.learnt
  assert found.drifts['gamma'].signal > 10


@pytest.mark.parametrize('score', decode.SCORES)
def test_the_bias_of_a_decode_is_no_decision(score):
  """`product` prefers stride 4 by a wide margin, and so do its walks."""
  state = readings()
  small = state.now['beta'] - state.start['beta']
  state.now['beta'][:] = state.start['beta'] + 0.1 * small
  state.walks['beta'][:] = state.start['beta'] + 0.1 * (
    state.walks['beta'] - state.start['beta']
  )
  assert not arch_evidence.weigh(state, SPACE, score).layers.any()


def test_where_there_is_no_choice_nothing_is_counted():
  skip = cell_space.CellSpace(1, (primitives.SKIP,))
  space = search_space.SearchSpace(skip, lattice.Lattice(3, (4,)), 4)
  found = weigh(space=space)
  assert found.decided == (0, 0)
  assert not found.is_undetermined
  assert not found.drifts and not found.halves
  assert found.numbers() == {'connections_decided': 1, 'layers_decided': 1}


def test_halves_are_left_out_until_both_have_a_batch():
  state = readings()
  state.squares['alpha'][1] = 0
  state.squares['beta'][1] = 0
  assert not arch_evidence.weigh(state, SPACE, 'ratio').halves
