"""Losses of all architectures of the space, as far as the table tells them.

The loss y of architecture x at fidelity k is

    y = m_k + s_k (f_k(x) + g_k(x)) + n_k noise

f is linear in features of the path, of the cell and of both together, g is
x's own; both are correlated by r^|k - k'| between fidelities. All weights are
Gaussian, so what the rows leave open is known, too: a draw from the posterior
is one landscape that agrees with all rows, another draw is another one.
Strategies are compared over many, so that what is uncertain counts as that.

It is not the model that `halving` learns: features and kernel are others.

Reference:
  Matheron's rule, as in Wilson et al., Efficiently sampling functions from
  Gaussian process posteriors, Sec. 3, https://arxiv.org/abs/2002.09309
  Zela et al., Surrogate NAS benchmarks, https://arxiv.org/abs/2008.09777
"""

from __future__ import annotations

import dataclasses
import functools
from typing import NamedTuple

import numpy as np
import scipy.linalg
import scipy.optimize
import scipy.special
import threadpoolctl

from deeplab_nas.search.trials.table import rows as rows_lib
from deeplab_nas.search.trials.table import space
from deeplab_nas.space import cell_space
from deeplab_nas.space import genotype as genotype_lib

_KINDS = (cell_space.PREV, cell_space.PREV_PREV, 'block_0')
# Priors, mean and standard deviation: of the logits of the shares of the groups
# and of g (softmax), of the logit of r, of the logits of the noise's shares.
_SHARE_PRIOR = (0.0, 1.0)
_CORRELATION_PRIOR = (1.0, 1.0)
_NOISE_PRIOR = (-1.0, 1.0)
# Of the means m_k, which are known of the rows, not of the space; in variances
# of the scores.
_MEAN_VARIANCE = 0.1


class Place(NamedTuple):
  """Where an architecture is in arrays of the whole space.

  Attributes:
    path: Index in `space.paths()`.
    cell: Index in `space.cells()`.
  """

  path: int
  cell: int


def place(genotype: genotype_lib.Genotype) -> Place:
  """Where an architecture of the space is."""
  paths, cells = _indices()
  return Place(paths[genotype.path], cells[genotype.cell])


class Parameters(NamedTuple):
  """What is learnt; see the docstring of the module.

  Attributes:
    shares: Of the signal's variance: path, cell, both together, and g.
    correlation: r, in (0, 1).
    noise: Share of the noise in the variance of a score, by fidelity.
  """

  shares: tuple[float, float, float, float]
  correlation: float
  noise: tuple[float, ...]


class Surrogate:
  """The posterior of a table.

      surrogate = Surrogate(table)
      losses = surrogate.draw(np.random.default_rng(0))
      losses[place(genotype)]      # [K], of the fidelities

  Attributes:
    parameters: The most probable ones.
    noise: Standard deviation of seeds, [K], in units of the loss.
  """

  def __init__(self, table: rows_lib.Table, score: str = 'cross_entropy'):
    """Fits the parameters: a second for a hundred rows.

    Args:
      table: With at least two different scores at each fidelity.
      score: Of which less is better.
    """
    steps = table.protocol.steps
    seen = [row for row in table if row.scores is not None]
    self._levels = np.array([steps.index(row.key.steps) for row in seen])
    places = [place(row.key.genotype) for row in seen]
    self._paths = np.array([p.path for p in places])
    self._cells = np.array([p.cell for p in places])
    losses = np.array([row.scores[score] for row in seen])
    by_level = [losses[self._levels == k] for k in range(len(steps))]
    self._means = np.array([values.mean() for values in by_level])
    self._units = np.array([values.std() for values in by_level])
    self._values = (losses - self._means[self._levels]) / (
      self._units[self._levels]
    )
    self._kernels = self._by_group()
    self.parameters = self._fitted(len(steps))
    self.noise = self._units * np.sqrt(self.parameters.noise)

  def mean(self) -> np.ndarray:
    """What is expected, float32 [paths, cells, K]."""
    return self._conditioned(None)

  def draw(self, rng: np.random.Generator) -> np.ndarray:
    """One landscape that agrees with the rows, float32 [paths, cells, K]."""
    return self._conditioned(rng)

  def _by_group(self) -> list[np.ndarray]:
    """The kernels [N, N] of path, cell, both, and of equal architectures."""
    inside = [
      features[at] @ features[at].T
      for features, at in (
        (_path_features(), self._paths),
        (_cell_features(), self._cells),
      )
    ]
    short = [f[i] for f, i in zip(_few_features(), (self._paths, self._cells))]
    inside.append((short[0] @ short[0].T) * (short[1] @ short[1].T))
    same = (self._paths[:, None] == self._paths) & (
      self._cells[:, None] == self._cells
    )
    return [*inside, same.astype(float)]

  def _covariance(self, parameters: Parameters) -> np.ndarray:
    """Of the standardised losses of the rows, [N, N]."""
    noise = np.array(parameters.noise)[self._levels]
    signal = np.sqrt(1 - noise)
    apart = np.abs(self._levels[:, None] - self._levels)
    mixed = sum(s * k for s, k in zip(parameters.shares, self._kernels))
    covariance = np.outer(signal, signal) * mixed
    covariance *= parameters.correlation**apart
    covariance += _MEAN_VARIANCE * (apart == 0)
    covariance[np.diag_indices_from(covariance)] += noise + 1e-6
    return covariance

  # Threads of BLAS would wait for each other, busily, where others compute.
  @threadpoolctl.threadpool_limits.wrap(limits=1, user_api='blas')
  def _fitted(self, num_levels: int) -> Parameters:
    priors = np.array(
      [_SHARE_PRIOR] * 4 + [_CORRELATION_PRIOR] + [_NOISE_PRIOR] * num_levels
    )

    def surprise(vector: np.ndarray) -> float:
      covariance = self._covariance(_parameters(vector))
      factor = scipy.linalg.cholesky(covariance, lower=True)
      solved = scipy.linalg.solve_triangular(factor, self._values, lower=True)
      prior = np.sum(((vector - priors[:, 0]) / priors[:, 1]) ** 2)
      return 0.5 * (solved @ solved + prior) + np.log(np.diag(factor)).sum()

    found = scipy.optimize.minimize(
      surprise, priors[:, 0], method='L-BFGS-B', options={'maxiter': 30}
    )
    return _parameters(found.x)

  def _conditioned(self, rng: np.random.Generator | None) -> np.ndarray:
    """The prior's mean, or a draw from it, and what the rows change of it."""
    p, levels = self.parameters, np.arange(len(self._means))
    signal = np.sqrt(1 - np.array(p.noise))
    between = np.outer(signal, signal)
    between *= p.correlation ** np.abs(levels[:, None] - levels)
    unknown, values = self._prior(between, rng), self._values
    if rng is not None:
      at = self._paths, self._cells, self._levels
      noise = np.sqrt(np.array(p.noise)[self._levels])
      values = values - unknown.signal()[at]
      values = values - noise * rng.normal(size=len(values))
    factor = scipy.linalg.cho_factor(self._covariance(p), lower=True)
    solved = scipy.linalg.cho_solve(factor, values)
    # What each row adds at each level, [N, K].
    added = solved[:, None] * between[self._levels]
    by_path, by_cell = _few_features()
    unknown.path += p.shares[0] * _path_features()[self._paths].T @ added
    unknown.cell += p.shares[1] * _cell_features()[self._cells].T @ added
    unknown.both += p.shares[2] * np.einsum(
      'na,nb,nk->abk', by_path[self._paths], by_cell[self._cells], added
    )
    np.add.at(unknown.own, (self._paths, self._cells), p.shares[3] * added)
    np.add.at(unknown.offset, self._levels, _MEAN_VARIANCE * solved)
    losses = self._means + self._units * unknown.signal()
    return losses.astype(np.float32)

  def _prior(
    self, between: np.ndarray, rng: np.random.Generator | None
  ) -> _Unknown:
    """Zeros, or a draw."""
    count = len(between)
    (_, paths), (_, cells) = _path_features().shape, _cell_features().shape
    few = [features.shape[1] for features in _few_features()]
    shapes = [(paths,), (cells,), few, (len(space.paths()), len(space.cells()))]
    if rng is None:
      return _Unknown(*(np.zeros([*s, count]) for s in shapes), np.zeros(count))
    root = np.linalg.cholesky(between + 1e-9 * np.eye(count))
    drawn = (
      np.sqrt(share) * rng.normal(size=[*shape, count]) @ root.T
      for share, shape in zip(self.parameters.shares, shapes)
    )
    return _Unknown(*drawn, np.sqrt(_MEAN_VARIANCE) * rng.normal(size=count))


@dataclasses.dataclass
class _Unknown:
  """Weights of features, [..., K]; `own` is of architectures."""

  path: np.ndarray
  cell: np.ndarray
  both: np.ndarray
  own: np.ndarray
  offset: np.ndarray

  def signal(self) -> np.ndarray:
    """Of every architecture, [paths, cells, K]."""
    by_path, by_cell = _few_features()
    both = np.einsum(
      'pa,abk,cb->pck', by_path, self.both, by_cell, optimize=True
    )
    path, cell = _path_features() @ self.path, _cell_features() @ self.cell
    return path[:, None] + cell[None] + both + self.own + self.offset


def _parameters(vector: np.ndarray) -> Parameters:
  shares = scipy.special.softmax(vector[:4])
  correlation = scipy.special.expit(vector[4])
  noise = scipy.special.expit(vector[5:])
  return Parameters(tuple(shares), float(correlation), tuple(noise))


@functools.cache
def _indices() -> tuple[dict, dict]:
  return tuple(
    {value: i for i, value in enumerate(values)}
    for values in (space.paths(), space.cells())
  )


@functools.cache
def _path_features() -> np.ndarray:
  """[paths, D]: levels of layers, shares of levels, the last level, turns."""
  rows = []
  for path in space.paths():
    layers = np.eye(4)[list(path)]
    moves = np.diff(path, prepend=0)
    turns = np.count_nonzero(np.diff(moves[moves != 0]))
    rows.append(
      [*layers.ravel(), *layers.mean(0), *layers[-1], turns / 5, np.mean(path)]
    )
  return _scaled(np.array(rows, float))


@functools.cache
def _cell_features() -> np.ndarray:
  """[cells, D]: primitives on kinds of sources, primitives, depth."""
  names = [p.name for p in space.SPACE.cell.primitives]
  rows = []
  for cell in space.cells():
    table = np.zeros([len(names), len(_KINDS)])
    for source, primitive in (term for block in cell for term in block):
      table[names.index(primitive), _KINDS.index(source)] += 1
    rows.append([*table.ravel(), *table.sum(1), *table.sum(0)])
  return _scaled(np.array(rows, float))


@functools.cache
def _few_features() -> tuple[np.ndarray, np.ndarray]:
  """Few features [paths, 4] and [cells, 4], of which both together consist."""
  paths = np.array([np.bincount(p, minlength=4) for p in space.paths()], float)
  names = [p.name for p in space.SPACE.cell.primitives]
  cells = np.array(
    [
      [
        sum(primitive == name for block in cell for _, primitive in block)
        for name in names
      ]
      for cell in space.cells()
    ],
    float,
  )
  return _scaled(paths), _scaled(cells)


def _scaled(features: np.ndarray) -> np.ndarray:
  """Of mean 0, and such that rows have a squared length of 1 in the mean."""
  centred = features - features.mean(0)
  sd = centred.std(0)
  centred = centred[:, sd > 1e-9] / sd[sd > 1e-9]
  return centred / np.sqrt(centred.shape[1])
