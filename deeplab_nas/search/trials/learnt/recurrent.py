"""An LSTM and Adam in NumPy.

The process that proposes trials imports no TensorFlow: it would hold a GPU, or
threads, that the trials need. The recurrent networks of strategies have some
thousand weights, of which a step takes milliseconds: in float32, for which they
are cast where they learn, less than half of those in float64.

Reference:
  Hochreiter and Schmidhuber, Long short-term memory,
  https://doi.org/10.1162/neco.1997.9.8.1735
  Kingma and Ba, Adam, Algorithm 1, https://arxiv.org/abs/1412.6980
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import scipy.special

Weights = dict[str, np.ndarray]


class State(NamedTuple):
  """What one step hands to the next, [..., N, H] each."""

  output: np.ndarray
  cell: np.ndarray


class _Step(NamedTuple):
  """What the gradient of a step needs."""

  joined: np.ndarray  # [..., N, D + H]: the input and the output before
  gates: tuple[np.ndarray, ...]  # i, f, g, o, each [..., N, H]
  cell_before: np.ndarray
  cell: np.ndarray


def initial(
  num_inputs: int, num_units: int, rng: np.random.Generator, scale: float
) -> Weights:
  """Weights that are uniform in +-scale, but for biases of forget gates, 1.

  Args:
    num_inputs: D.
    num_units: H.
    rng: Draws.
    scale: The largest weight.

  Returns:
    'kernel' [D + H, 4H] and 'bias' [4H]; the gates are i, f, g, o, as Keras has
    them.
  """
  shape = num_inputs + num_units, 4 * num_units
  bias = np.zeros(4 * num_units)
  bias[num_units : 2 * num_units] = 1
  return {'kernel': rng.uniform(-scale, scale, shape), 'bias': bias}


def light(weights: Mapping[str, np.ndarray]) -> Weights:
  """The same in float32, in which all that is computed with them then is."""
  return {name: value.astype(np.float32) for name, value in weights.items()}


def step(
  weights: Mapping[str, np.ndarray], inputs: np.ndarray, state: State
) -> tuple[State, _Step]:
  """One step of N sequences.

  Args:
    weights: Of `initial`; any leading axes are networks side by side.
    inputs: Float [..., N, D].
    state: Of the step before.

  Returns:
    The new state, and what `gradients` wants to know.
  """
  joined = np.concatenate([inputs, state.output], axis=-1)
  sums = joined @ weights['kernel'] + weights['bias'][..., None, :]
  i, f, g, o = np.split(sums, 4, axis=-1)
  i, f, o = map(scipy.special.expit, (i, f, o))
  g = np.tanh(g)
  cell = f * state.cell + i * g
  return State(o * np.tanh(cell), cell), _Step(
    joined, (i, f, g, o), state.cell, cell
  )


def run(
  weights: Mapping[str, np.ndarray], inputs: np.ndarray
) -> tuple[np.ndarray, list[_Step]]:
  """All steps, from a state of zeros.

  Args:
    weights: As in `step`.
    inputs: Float [..., T, N, D].

  Returns:
    Outputs [..., T, N, H], and what `gradients` wants to know.
  """
  num_units = weights['bias'].shape[-1] // 4
  shape = *inputs.shape[:-3], inputs.shape[-2], num_units
  zeros = np.zeros(shape, inputs.dtype)
  state, outputs, steps = State(zeros, zeros), [], []
  for t in range(inputs.shape[-3]):
    state, made = step(weights, inputs[..., t, :, :], state)
    outputs.append(state.output)
    steps.append(made)
  return np.stack(outputs, axis=-3), steps


def gradients(
  weights: Mapping[str, np.ndarray],
  steps: list[_Step],
  of_outputs: np.ndarray,
) -> tuple[Weights, np.ndarray]:
  """Backpropagation through time.

  Args:
    weights: As in `run`.
    steps: What `run` has returned.
    of_outputs: Gradient of a scalar by the outputs, float [..., T, N, H].

  Returns:
    The gradients by the weights, and by the inputs, [..., T, N, D].
  """
  num_units = weights['bias'].shape[-1] // 4
  num_inputs = weights['kernel'].shape[-2] - num_units
  by_kernel = np.zeros_like(weights['kernel'])
  by_bias = np.zeros_like(weights['bias'])
  shape = *of_outputs.shape[:-1], num_inputs
  by_inputs = np.empty(shape, of_outputs.dtype)
  by_output = by_cell = 0.0
  for t in reversed(range(len(steps))):
    i, f, g, o = steps[t].gates
    by_output = by_output + of_outputs[..., t, :, :]
    squashed = np.tanh(steps[t].cell)
    by_cell = by_cell + by_output * o * (1 - squashed**2)
    by_sums = np.concatenate(
      [
        by_cell * g * i * (1 - i),
        by_cell * steps[t].cell_before * f * (1 - f),
        by_cell * i * (1 - g**2),
        by_output * squashed * o * (1 - o),
      ],
      axis=-1,
    )
    by_kernel += np.swapaxes(steps[t].joined, -1, -2) @ by_sums
    by_bias += by_sums.sum(axis=-2)
    by_joined = by_sums @ np.swapaxes(weights['kernel'], -1, -2)
    by_inputs[..., t, :, :] = by_joined[..., :num_inputs]
    by_output = by_joined[..., num_inputs:]
    by_cell = by_cell * f
  return {'kernel': by_kernel, 'bias': by_bias}, by_inputs


class Adam:
  """Adam with the decays .9 and .999.

  Attributes:
    weights: By name, as they are after the updates so far.
  """

  def __init__(self, weights: Weights, learning_rate: float):
    self.weights = weights
    self._rate = learning_rate
    self._means = {name: np.zeros_like(x) for name, x in weights.items()}
    self._squares = {name: np.zeros_like(x) for name, x in weights.items()}
    self._count = 0

  def update(self, by_weights: Mapping[str, np.ndarray]) -> None:
    """Descends; makes new arrays, so that earlier weights may be kept."""
    self._count += 1
    for name, gradient in by_weights.items():
      mean = 0.9 * self._means[name] + 0.1 * gradient
      square = 0.999 * self._squares[name] + 0.001 * gradient**2
      self._means[name], self._squares[name] = mean, square
      mean = mean / (1 - 0.9**self._count)
      square = square / (1 - 0.999**self._count)
      move = self._rate * mean / (np.sqrt(square) + 1e-8)
      self.weights = {**self.weights, name: self.weights[name] - move}
