"""Message passing is its recurrences, node by node."""

import numpy as np
import tensorflow as tf

from deeplab_nas.nn.hypernetwork import graph, messages
from deeplab_nas.space import cell_space, lattice, search_space

SPACE = search_space.SearchSpace(cell_space.CellSpace(2), lattice.Lattice(3))
UNITS = 5


def sigmoid(x):
  return 1 / (1 + np.exp(-x))


def gru(cell, incoming, state):
  """Keras' variant: the reset gate comes after the product."""
  kernel, recurrent, (bias, recurrent_bias) = (
    w.numpy() for w in (cell.kernel, cell.recurrent_kernel, cell.bias)
  )
  xz, xr, xh = np.split(incoming @ kernel + bias, 3)
  hz, hr, hh = np.split(state @ recurrent + recurrent_bias, 3)
  z, r = sigmoid(xz + hz), sigmoid(xr + hr)
  return z * state + (1 - z) * np.tanh(xh + r * hh)


def message(mlp, state):
  first, second = mlp
  hidden = np.maximum(state @ first.kernel.numpy() + first.bias.numpy(), 0)
  return hidden @ second.kernel.numpy() + second.bias.numpy()


def swept(made, states, reads):
  """One node after the other, forward over all and back without the last."""
  states = states.copy()
  count = len(states)

  def visit(node, neighbours):
    incoming = sum(
      (message(made.mlp, states[n]) for n in np.flatnonzero(neighbours)),
      np.zeros(UNITS),
    )
    states[node] = gru(made.cell, incoming, states[node])

  visits = 0
  for node in range(count):
    visit(node, reads[node])
    visits += 1
  for node in reversed(range(count - 1)):
    visit(node, reads[:, node])
    visits += 1
  assert visits == 2 * count - 1
  return states


def test_states_are_those_of_the_recurrences_in_numpy():
  tf.keras.utils.set_random_seed(1)
  made = messages.MessagePassing(SPACE, UNITS, 2)
  for layer in (*made.mlp, made.cell):  # biases begin at 0
    for variable in layer.trainable_variables:
      variable.assign(tf.random.normal(variable.shape, stddev=0.5))
  described = graph.of(SPACE, SPACE.random(np.random.default_rng(0)))
  nodes = made.kinds.numpy()[described.kinds]
  before = [np.zeros(UNITS), np.zeros(UNITS)]
  expected = []
  for level, move in zip(described.levels, described.moves):
    states = nodes + made.levels.numpy()[level] + made.moves.numpy()[move]
    states[graph.PREV_PREV] += before[0]
    states[graph.PREV] += before[1]
    for _ in range(2):
      states = swept(made, states, described.reads)
    expected.append(states)
    before = [before[1], states.mean(0)]
  found = made(described)
  assert found.shape == (3, graph.num_nodes(2), UNITS)
  np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_a_node_hears_of_what_it_cannot_reach_forward():
  """Backward messages tell the first block what the last one is."""
  tf.keras.utils.set_random_seed(0)
  made = messages.MessagePassing(SPACE, UNITS, 1)
  described = graph.of(SPACE, SPACE.random(np.random.default_rng(0)))
  kinds = described.kinds.copy()
  node = graph.term_node(1, 1)
  kinds[node] = 2 if kinds[node] != 2 else 3
  change = np.abs(made(described) - made(described._replace(kinds=kinds))).max(
    -1
  )
  assert (change[0] > 1e-6).all()  # in the first layer, at every node
