"""Bayesian optimisation: a Gaussian process and expected improvement.

Reference:
  Jones et al., Efficient global optimization of expensive black-box functions,
  Eq. (15), https://doi.org/10.1023/A:1008306431147, for expected improvement
  Kandasamy et al., Neural architecture search with Bayesian optimisation and
  optimal transport, Sec. 4, https://arxiv.org/abs/1802.07191, for maximising it
  by evolution
  White et al., BANANAS, Sec. 4, https://arxiv.org/abs/1910.11858, for the
  encoding by paths
  Ginsbourger et al., Kriging is well-suited to parallelize optimization,
  Sec. 4.2, https://doi.org/10.1007/978-3-642-10701-6_6, for pending trials
  Knowles, ParEGO, Eq. (2), https://doi.org/10.1109/TEVC.2005.851274, for
  several objectives
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import scipy.stats
from sklearn import exceptions, gaussian_process
from sklearn.gaussian_process import kernels

from deeplab_nas.config import strategies as config_strategies
from deeplab_nas.search.trials import fresh, history, strategy
from deeplab_nas.search.trials.learnt import beliefs, features, paths
from deeplab_nas.space import genotype as genotype_lib

_ENCODINGS = {'features': features.Features, 'paths': paths.PathEncoding}
# Random architectures that say how far apart two of the space are.
_SAMPLE = 200
# Tried architectures, the best by the process, from which evolution starts.
_NUM_PARENTS = 4
# ParEGO's share of the mean in a sum of several objectives.
_AUGMENTED = 0.05


class _Data(NamedTuple):
  """What a process is fitted to.

  Attributes:
    points: Float [N, D].
    losses: Float [N].
  """

  points: np.ndarray
  losses: np.ndarray


class Bayesian(strategy.TrialStrategy):
  """Full trials of the architectures of the largest expected improvement.

  After `num_initial` random ones, a Gaussian process with a Matern kernel on an
  encoding of architectures is fitted to the losses, its scale, smoothness and
  noise by marginal likelihood. Expected improvement over the best mean, Eq.
  (15) of Jones et al., is maximised by evolution: random architectures and the
  best tried ones are mutated, and the better half lives on. The budget is a
  constraint: what is not within it is no candidate.

  Pending trials count with the mean that is expected of them ("kriging
  believer"). Of several objectives each proposal improves on another weighted
  maximum of them, the weights drawn anew (ParEGO).

  Differs from NASBOT (Kandasamy et al.) in the kernel: there an optimal
  transport between the layers of two networks, here a distance of encodings,
  which layers of one path and one cell allow; and in `tamed`, without which one
  training that went astray would flatten all others.
  """

  def __init__(
    self, study: strategy.Study, settings: config_strategies.BayesianConfig
  ):
    self.study = study
    self.settings = settings
    self._encode = _ENCODINGS[settings.encoding](study.space)
    rng = np.random.default_rng(0)
    sample = self._encode([study.space.random(rng) for _ in range(_SAMPLE)])
    self._scale = _scale(sample)
    self._kernels: dict[bytes, kernels.Kernel] = {}

  def propose(
    self, trials: Sequence[strategy.Trial], rng: np.random.Generator
  ) -> strategy.Proposal:
    """See `strategy.TrialStrategy`."""
    full = self.study.full
    tried = history.tried(trials, full)
    scored = history.scored(self.study, trials, full)
    if not scored or len(tried) < self.settings.num_initial:
      genotype = fresh.random(self.study, tried, rng)
      return strategy.Proposal(genotype, full, is_random=True)
    process = self._process(trials, scored, rng)
    numbers = {trial.genotype: trial.number for trial in scored}
    known = list(numbers)
    means = process.predict(self._points(known))
    order = np.argsort(means, kind='stable')[:_NUM_PARENTS]
    parents = {known[i]: numbers[known[i]] for i in order}
    chosen, parent = self._maximised(process, means.min(), parents, tried, rng)
    return strategy.Proposal(chosen, full, parent)

  def best(
    self, trials: Sequence[strategy.Trial]
  ) -> Sequence[genotype_lib.Genotype]:
    """See `strategy.TrialStrategy`."""
    return history.best(self.study, trials)

  def _points(self, genotypes: Sequence[genotype_lib.Genotype]) -> np.ndarray:
    return self._encode(genotypes) * self._scale

  def _process(
    self,
    trials: Sequence[strategy.Trial],
    scored: Sequence[strategy.Trial],
    rng: np.random.Generator,
  ) -> gaussian_process.GaussianProcessRegressor:
    """Of all scores, and of the means of pending trials."""
    losses = np.array([self.study.losses(trial) for trial in scored])
    losses = _scalarized(losses, rng)
    level = np.zeros(len(losses), int)
    seen = _Data(
      self._points([trial.genotype for trial in scored]),
      beliefs.tamed(losses, level),
    )
    kernel = self._kernel(seen)
    process = _fitted(seen, kernel)
    pending = [
      trial.genotype
      for trial in trials
      if trial.is_pending and trial.fidelity == self.study.full
    ]
    if not pending:
      return process
    points = self._points(pending)
    believed = np.concatenate([seen.losses, process.predict(points)])
    return _fitted(
      _Data(np.concatenate([seen.points, points]), believed), kernel
    )

  def _kernel(self, seen: _Data) -> kernels.Kernel:
    """Of the largest marginal likelihood of the first scores.

    Their number grows in steps, so that not every proposal has to search.
    """
    count = beliefs.num_fitted(len(seen.losses))
    first = _Data(seen.points[:count], seen.losses[:count])
    key = first.points.tobytes() + first.losses.tobytes()
    if key not in self._kernels:
      start = kernels.ConstantKernel(1.0, (0.1, 10.0)) * kernels.Matern(
        1.0, (0.1, 10.0), nu=2.5
      ) + kernels.WhiteKernel(0.1, (1e-4, 2.0))
      process = _fitted(first, start, optimizer='fmin_l_bfgs_b')
      self._kernels = {key: process.kernel_}
    return self._kernels[key]

  def _maximised(
    self,
    process: gaussian_process.GaussianProcessRegressor,
    least: float,
    parents: dict[genotype_lib.Genotype, int],
    tried: set[genotype_lib.Genotype],
    rng: np.random.Generator,
  ) -> tuple[genotype_lib.Genotype, int | None]:
    """The best of an evolution by expected improvement, and its parent."""
    size = self.settings.pool_size
    pool = {fresh.random(self.study, tried, rng): None for _ in range(size)}
    for i in range(size):
      parent = list(parents)[i % len(parents)]
      child = fresh.mutant(self.study, parent, tried, rng)
      pool.setdefault(child, parents[parent])
    for generation in range(self.settings.num_generations + 1):
      candidates = list(pool)
      gains = expected_improvement(
        *process.predict(self._points(candidates), return_std=True), least
      )
      order = np.argsort(-gains, kind='stable')[:size]
      pool = {candidates[i]: pool[candidates[i]] for i in order}
      if generation < self.settings.num_generations:
        for genotype, parent in list(pool.items()):
          child = fresh.mutant(self.study, genotype, tried, rng)
          pool.setdefault(child, parent)
    return next(iter(pool.items()))


def expected_improvement(
  mean: np.ndarray, sd: np.ndarray, least: float
) -> np.ndarray:
  """E max(least - y, 0) of normal y, Eq. (15) of Jones et al.

  Args:
    mean: Float [N], of y.
    sd: Float [N], at least 0.
    least: What is to be improved on.
  """
  sd = np.maximum(sd, 1e-12)
  z = (least - mean) / sd
  return sd * (z * scipy.stats.norm.cdf(z) + scipy.stats.norm.pdf(z))


def _fitted(
  seen: _Data, kernel: kernels.Kernel, optimizer: str | None = None
) -> gaussian_process.GaussianProcessRegressor:
  process = gaussian_process.GaussianProcessRegressor(
    kernel, alpha=1e-8, optimizer=optimizer, normalize_y=True
  )
  with warnings.catch_warnings():
    # Few scores may say no more than that a parameter is at its bound.
    warnings.simplefilter('ignore', exceptions.ConvergenceWarning)
    return process.fit(*seen)


def _scale(sample: np.ndarray) -> np.ndarray:
  """Factors [D] that make squared distances of random rows 2 in the mean.

  Columns of zeros and ones keep their proportions: the distance is Hamming's,
  and rare paths do not outweigh common ones. Others are standardised.
  """
  variance = sample.var(axis=0)
  used = variance > 0
  if np.isin(sample, (0, 1)).all():
    variance = np.where(used, variance[used].mean(), 0)
  return used / np.sqrt(np.where(used, variance, 1) * max(used.sum(), 1))


def _scalarized(losses: np.ndarray, rng: np.random.Generator) -> np.ndarray:
  """One loss of several: ParEGO's augmented Chebyshev sum, Eq. (2).

  Args:
    losses: Float [N, objectives].
    rng: Draws the weights.

  Returns:
    Float [N].
  """
  if losses.shape[1] == 1:
    return losses[:, 0]
  weights = rng.dirichlet(np.ones(losses.shape[1]))
  span = np.ptp(losses, axis=0)
  weighted = weights * (losses - losses.min(0)) / np.where(span > 0, span, 1)
  return weighted.max(axis=1) + _AUGMENTED * weighted.sum(axis=1)
