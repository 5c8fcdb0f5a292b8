"""ESNAC's kernel: a recurrent network learns which architectures are alike.

Reference:
  Cao, Wang and Kitani, Learnable embedding space for efficient neural
  architecture compression, Sec. 3.1, https://arxiv.org/abs/1902.00383
  Rasmussen and Williams, Gaussian processes for machine learning, Eqs. (5.10)
  to (5.12), http://gaussianprocess.org/gpml/, for leaving one out
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from deeplab_nas.search.trials.learnt import predictor, recurrent
from deeplab_nas.space import genotype as genotype_lib
from deeplab_nas.space import search_space

# Of the kernel exp(-|d|^2 / (2 LENGTH^2)) on the unit sphere, and the variance
# of the noise; the authors', whose rewards are as they come: here scores have
# unit variance.
LENGTH, NOISE = 0.1, 0.05
# The authors have four layers of 64 units, for layers of any size.
_LAYERS, _UNITS = 2, 32
_RATE, _DECAY = 1e-3, 5e-4
_SCALE = 0.2


class _Passed(NamedTuple):
  """What the gradient of an embedding needs."""

  tokens: np.ndarray  # [N, T]
  steps: list[tuple[list, list]]  # of each layer, forward and backward
  mean: np.ndarray  # [N, D], before it is normalised
  points: np.ndarray  # [N, D]


class Embedding:
  """Architectures as points of a sphere: a bidirectional LSTM, and its mean.

  It reads levels, sources and primitives in their order (`predictor.Tokens`),
  each through an embedding. Both directions of a layer are what the next one
  reads; the mean of the last one's outputs over all positions is divided by its
  length.

  Differs from ESNAC, which reads the settings and skips of each layer of a
  network, has four layers of 64 units, and learns for at most 100 steps.
  """

  def __init__(self, space: search_space.SearchSpace):
    self._tokens = predictor.Tokens(space)

  def initial(self, rng: np.random.Generator) -> recurrent.Weights:
    """Weights before anything is learnt."""
    weights = {
      'embedding': rng.uniform(-0.5, 0.5, [self._tokens.count, _UNITS])
    }
    for layer in range(_LAYERS):
      inputs = 2 * _UNITS if layer else _UNITS
      for way in ('forward', 'backward'):
        made = recurrent.initial(inputs, _UNITS, rng, _SCALE)
        weights |= {f'{way}_{layer}_{k}': x for k, x in made.items()}
    return weights

  def points(
    self,
    weights: recurrent.Weights,
    genotypes: Sequence[genotype_lib.Genotype],
  ) -> np.ndarray:
    """Float [N, D], each row of length 1."""
    return self._passed(weights, self._tokens(genotypes)).points

  def fitted(
    self,
    genotypes: Sequence[genotype_lib.Genotype],
    losses: np.ndarray,
    num_steps: int,
    weights: recurrent.Weights,
  ) -> recurrent.Weights:
    """Weights that make scores predictable from all others: Adam, some steps.

    Args:
      genotypes: At least two.
      losses: Float [N].
      num_steps: Of Adam.
      weights: To begin with.
    """
    values = (losses - np.mean(losses)) / (np.std(losses) or 1.0)
    adam = recurrent.Adam(recurrent.light(weights), _RATE)
    tokens = self._tokens(genotypes)
    for _ in range(num_steps):
      _, by_weights = self._surprise(adam.weights, tokens, values)
      adam.update(by_weights)
    return adam.weights

  def surprise(
    self,
    weights: recurrent.Weights,
    genotypes: Sequence[genotype_lib.Genotype],
    values: np.ndarray,
  ) -> tuple[float, recurrent.Weights]:
    """What `fitted` descends, and its gradient by the weights.

    The mean of -log p(y_i | all other y), and half of the squares of all
    weights times 5e-4.
    """
    return self._surprise(weights, self._tokens(genotypes), values)

  def _surprise(
    self, weights: recurrent.Weights, tokens: np.ndarray, values: np.ndarray
  ) -> tuple[float, recurrent.Weights]:
    passed = self._passed(weights, tokens)
    points = passed.points.astype(np.float64)  # a matrix of them is inverted
    count = len(values)
    similar = kernel(points, points)
    found, by_kernel = leave_one_out(similar + NOISE * np.eye(count), values)
    # Of k = exp(-|a - b|^2 / (2 s^2)) by a: -k (a - b) / s^2.
    slopes = -2 * by_kernel * similar / LENGTH**2
    by_points = slopes.sum(axis=1)[:, None] * points - slopes @ points
    by_points = (-by_points / count).astype(passed.points.dtype)
    by_weights = self._gradient(weights, passed, by_points)
    decay = sum(np.sum(x**2) for x in weights.values())
    return -found / count + 0.5 * _DECAY * decay, {
      name: slope + _DECAY * weights[name] for name, slope in by_weights.items()
    }

  def _passed(self, weights: recurrent.Weights, tokens: np.ndarray) -> _Passed:
    states = weights['embedding'][tokens.T]  # [T, N, D]
    steps = []
    for layer in range(_LAYERS):
      forward, there = recurrent.run(_part(weights, 'forward', layer), states)
      backward, back = recurrent.run(
        _part(weights, 'backward', layer), states[::-1]
      )
      states = np.concatenate([forward, backward[::-1]], axis=-1)
      steps.append((there, back))
    mean = states.mean(axis=0)
    points = mean / np.linalg.norm(mean, axis=1, keepdims=True)
    return _Passed(tokens, steps, mean, points)

  def _gradient(
    self,
    weights: recurrent.Weights,
    passed: _Passed,
    by_points: np.ndarray,
  ) -> recurrent.Weights:
    length = np.linalg.norm(passed.mean, axis=1, keepdims=True)
    along = np.sum(by_points * passed.points, axis=1, keepdims=True)
    by_mean = (by_points - along * passed.points) / length
    num_positions = passed.tokens.shape[1]
    slopes = np.repeat(by_mean[None] / num_positions, num_positions, axis=0)
    found = {}
    for layer in reversed(range(_LAYERS)):
      ahead, behind = np.split(slopes, 2, axis=-1)
      there, back = passed.steps[layer]
      by_forward, slopes = recurrent.gradients(
        _part(weights, 'forward', layer), there, ahead
      )
      by_backward, others = recurrent.gradients(
        _part(weights, 'backward', layer), back, behind[::-1]
      )
      slopes = slopes + others[::-1]
      found |= {f'forward_{layer}_{k}': x for k, x in by_forward.items()}
      found |= {f'backward_{layer}_{k}': x for k, x in by_backward.items()}
    found['embedding'] = np.zeros_like(weights['embedding'])
    np.add.at(found['embedding'], passed.tokens.T, slopes)
    return found


def kernel(points: np.ndarray, others: np.ndarray) -> np.ndarray:
  """exp(-|a - b|^2 / (2 LENGTH^2)), float [N, M].

  Args:
    points: Float [N, D].
    others: Float [M, D].
  """
  squared = np.sum((points[:, None] - others[None]) ** 2, axis=-1)
  return np.exp(-squared / (2 * LENGTH**2))


def leave_one_out(
  covariance: np.ndarray, values: np.ndarray
) -> tuple[float, np.ndarray]:
  """Sum of log p(y_i | all other y), and its gradient by the covariance.

  Of a Gaussian process of mean 0. With Z the inverse of the covariance and a =
  Z y, the mean of y_i given the others is y_i - a_i / Z_ii, its variance 1 /
  Z_ii, Eqs. (5.10) to (5.12) of Rasmussen and Williams.

  Args:
    covariance: Float [N, N], with noise.
    values: Float [N].

  Returns:
    The sum, and a symmetric matrix [N, N].
  """
  inverse = np.linalg.inv(covariance)
  weighted = inverse @ values
  precision = np.diag(inverse)
  found = 0.5 * np.sum(
    np.log(precision) - weighted**2 / precision - np.log(2 * np.pi)
  )
  by_inverse = np.outer(-weighted / precision, values)
  by_inverse += np.diag(0.5 / precision + 0.5 * (weighted / precision) ** 2)
  by_covariance = -inverse @ by_inverse @ inverse
  return float(found), 0.5 * (by_covariance + by_covariance.T)


def _part(
  weights: recurrent.Weights, way: str, layer: int
) -> recurrent.Weights:
  return {name: weights[f'{way}_{layer}_{name}'] for name in ('kernel', 'bias')}
