"""A model of losses at all fidelities together: a Gaussian process.

The loss y of architecture x at fidelity k, of which less is better, is

    y = m_k + a_k (f_k(x) + g_k(x)) + noise

f is smooth in the features of x (a squared exponential kernel), g belongs to x
alone, and both are correlated by r^|k - k'| between two fidelities: the
intrinsic model of coregionalisation. What a short trial says of a full one is
thus learnt, and so is how much of a score is luck. The parameters are the most
probable ones under wide priors, with which few trials suffice.

Reference:
  Bonilla et al., Multi-task Gaussian process prediction, Sec. 2,
  https://papers.nips.cc/paper/3189
  Kennedy and O'Hagan, Predicting the output from a complex computer code when
  fast approximations are available, https://doi.org/10.1093/biomet/87.1.1
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import scipy.linalg
import scipy.optimize
import scipy.special

# Means and standard deviations of the priors: of the logits of r, of f's share
# of the signal and of the noise's share of a score, of the log of the length
# scale in standard deviations of the features, and of each log(a_k / a_0).
_PRIOR_MEANS = (0.5, 1.0, -0.5, 0.5)
_PRIOR_DEVIATIONS = (1.0, 1.0, 1.0, 0.5)
_SCALE_DEVIATION = 0.5
# Variance of the means m_k, in variances of the shortest trials.
_MEAN_VARIANCE = 9.0


class Observations(NamedTuple):
  """Scores of architectures.

  Attributes:
    features: Float [N, D].
    ids: Integers [N], equal for equal architectures.
    levels: Integers [N], of fidelities, from 0 for the shortest.
    losses: Float [N].
  """

  features: np.ndarray
  ids: np.ndarray
  levels: np.ndarray
  losses: np.ndarray


class Parameters(NamedTuple):
  """What is learnt; see the docstring of the module.

  Attributes:
    correlation: r, between two neighbouring fidelities, in (0, 1).
    smooth_share: Of f in f + g, as variances.
    noise_share: Of the noise in a score, as variances.
    length: Scale of the kernel in the space of standardised features.
    scales: a_k / a_0, by level.
  """

  correlation: float
  smooth_share: float
  noise_share: float
  length: float
  scales: tuple[float, ...]


def fit(
  seen: Observations, num_levels: int, weights: np.ndarray | None = None
) -> Parameters:
  """The most probable parameters.

  Args:
    seen: At least one score.
    num_levels: Fidelities that there are.
    weights: See `Surrogate`.
  """
  start = np.array([*_PRIOR_MEANS, *(num_levels - 1) * [0.0]])
  deviations = np.array(
    [*_PRIOR_DEVIATIONS, *(num_levels - 1) * [_SCALE_DEVIATION]]
  )

  def surprise(vector: np.ndarray) -> float:
    model = Surrogate(seen, _parameters(vector), weights)
    return 0.5 * np.sum(((vector - start) / deviations) ** 2) - model.evidence

  found = scipy.optimize.minimize(
    surprise,
    start,
    method='L-BFGS-B',
    bounds=[(m - 3 * d, m + 3 * d) for m, d in zip(start, deviations)],
    options={'maxiter': 12},
  )
  return _parameters(found.x)


class Surrogate:
  """What the scores say of any architecture, given the parameters.

  Attributes:
    evidence: Log of their marginal likelihood, of losses in units of the
      standard deviation of the shortest trials.
  """

  def __init__(
    self,
    seen: Observations,
    parameters: Parameters,
    weights: np.ndarray | None = None,
  ):
    """Solves for the scores.

    Args:
      seen: At least one score.
      parameters: See `fit`.
      weights: Float [D], of the standardised features in squared distances;
        None for 1 / D each.
    """
    self._seen, self._parameters = seen, parameters
    shortest = seen.losses[seen.levels == seen.levels.min()]
    self._unit = np.std(shortest) or 1.0
    self._offset = np.mean(shortest)
    self._mean, sd = seen.features.mean(0), seen.features.std(0)
    if weights is None:
      weights = np.full(len(sd), 1 / len(sd))
    self._factors = np.sqrt(weights) / np.where(sd > 1e-9, sd, 1.0)
    self._points = self._scaled(seen.features)
    signal = self._signal(
      self._points, seen.ids, seen.levels, self._points, seen.ids, seen.levels
    )
    signal += _means(seen.levels, seen.levels)
    scales = np.array(parameters.scales)[seen.levels]
    signal[np.diag_indices_from(signal)] += (
      parameters.noise_share * scales**2 + 1e-6
    )
    self._factor = scipy.linalg.cho_factor(signal, lower=True)
    values = (seen.losses - self._offset) / self._unit
    self._weights = scipy.linalg.cho_solve(self._factor, values)
    self.evidence = float(
      -0.5 * values @ self._weights
      - np.log(np.diag(self._factor[0])).sum()
      - 0.5 * len(values) * np.log(2 * np.pi)
    )

  def predict(
    self, features: np.ndarray, ids: np.ndarray, level: int
  ) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation, [N] each, of losses without noise.

    The deviation is that of f + g: how uncertain the mean m_k of a fidelity is
    does not tell architectures apart.

    Args:
      features: Float [N, D].
      ids: Integers [N], those of `Observations` for what was observed.
      level: Of the fidelity.
    """
    points, levels = self._scaled(features), np.full(len(ids), level)
    seen = self._seen
    across = self._signal(
      points, ids, levels, self._points, seen.ids, seen.levels
    )
    means = _means(levels, seen.levels)
    mean = self._offset + self._unit * ((across + means) @ self._weights)
    scale = self._parameters.scales[level]
    solved = scipy.linalg.cho_solve(self._factor, across.T)
    variance = scale**2 * (1 - self._parameters.noise_share)
    variance = variance - np.sum(across * solved.T, axis=1)
    return mean, self._unit * np.sqrt(np.maximum(variance, 1e-9))

  def _scaled(self, features: np.ndarray) -> np.ndarray:
    return (features - self._mean) * self._factors

  def _signal(self, points, ids, levels, others, other_ids, other_levels):
    """Covariances [N, M] of a_k (f + g)."""
    p = self._parameters
    squared = (
      np.sum(points**2, 1)[:, None]
      + np.sum(others**2, 1)[None]
      - 2 * points @ others.T
    )
    smooth = np.exp(-0.5 * np.maximum(squared, 0) / p.length**2)
    own = ids[:, None] == other_ids[None]
    apart = np.abs(levels[:, None] - other_levels[None])
    scales = np.array(p.scales)
    return (
      (1 - p.noise_share)
      * np.outer(scales[levels], scales[other_levels])
      * p.correlation**apart
      * (p.smooth_share * smooth + (1 - p.smooth_share) * own)
    )


def _means(levels: np.ndarray, others: np.ndarray) -> np.ndarray:
  """Covariances [N, M] of the unknown means m_k."""
  return _MEAN_VARIANCE * (levels[:, None] == others[None])


def _parameters(vector: np.ndarray) -> Parameters:
  correlation, smooth, noise = scipy.special.expit(vector[:3])
  scales = (1.0, *np.exp(vector[4:]))
  return Parameters(correlation, smooth, noise, np.exp(vector[3]), scales)
