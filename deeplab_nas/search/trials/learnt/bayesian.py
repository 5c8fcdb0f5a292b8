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
  Cao et al., Learnable embedding space for efficient neural architecture
  compression, Sec. 3, https://arxiv.org/abs/1902.00383, for the kernel `esnac`
"""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from sklearn import exceptions, gaussian_process
from sklearn.gaussian_process import kernels

from deeplab_nas.config import strategies as config_strategies
from deeplab_nas.search.trials import fresh, history, strategy
from deeplab_nas.search.trials.learnt import (
  acquisition,
  beliefs,
  embedding,
  features,
  paths,
)
from deeplab_nas.space import genotype as genotype_lib

_ENCODINGS = {'features': features.Features, 'paths': paths.PathEncoding}
# Random architectures that say how far apart two of the space are.
_SAMPLE = 200
# ParEGO's share of the mean in a sum of several objectives.
_AUGMENTED = 0.05


class _View(NamedTuple):
  """What makes points of architectures, and how points are compared.

  Attributes:
    points: Float [N, D] of architectures.
    kernel: Of a process on these.
  """

  points: Callable[[Sequence[genotype_lib.Genotype]], np.ndarray]
  kernel: kernels.Kernel


class _Data(NamedTuple):
  """What a process is fitted to.

  Attributes:
    points: Float [N, D].
    losses: Float [N].
  """

  points: np.ndarray
  losses: np.ndarray


class Bayesian(history.ByScores):
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

  With `kernel=esnac` the points are ESNAC's learnt embedding: `num_kernels` of
  them take turns, trial by trial, each trained on a random half of the scores,
  so that different ones are asked for (Sec. 3.3 of Cao et al.).

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
    self._embedding = embedding.Embedding(study.space)
    self._views: dict[tuple, _View] = {}

  @functools.cached_property
  def _scale(self) -> np.ndarray:
    rng = np.random.default_rng(0)
    drawn = [self.study.space.random(rng) for _ in range(_SAMPLE)]
    return _scale(self._encode(drawn))

  def propose(
    self, trials: Sequence[strategy.Trial], rng: np.random.Generator
  ) -> strategy.Proposal:
    """See `strategy.TrialStrategy`."""
    full = self.study.full
    tried = history.tried(trials, full)
    scored = history.scored(self.study, trials, full)
    if not scored or len(tried) < self.settings.num_initial:
      genotype = fresh.random(self.study, tried, rng)
      if not scored or genotype not in tried:  # else nothing else is left
        return strategy.Proposal(genotype, full, is_random=True)
    losses = np.array([self.study.losses(trial) for trial in scored])
    losses = _scalarized(np.apply_along_axis(beliefs.tamed, 0, losses), rng)
    known = tuple(trial.genotype for trial in scored)
    view = self._view(len(trials), known, losses)
    process = self._process(trials, view, _Data(view.points(known), losses))
    numbers = {trial.genotype: trial.number for trial in scored}
    means = process.predict(view.points(list(numbers)))
    parents = acquisition.parents(numbers, means)

    def gains(candidates: Sequence[genotype_lib.Genotype]) -> np.ndarray:
      moments = process.predict(view.points(candidates), return_std=True)
      return acquisition.expected_improvement(*moments, means.min())

    chosen, parent = self._maximised(gains, parents, tried, rng)
    return strategy.Proposal(chosen, full, parent)

  def _process(
    self, trials: Sequence[strategy.Trial], view: _View, seen: _Data
  ) -> gaussian_process.GaussianProcessRegressor:
    """Of all scores, and of the means of pending trials."""
    process = _fitted(seen, view.kernel)
    pending = [
      trial.genotype
      for trial in trials
      if trial.is_pending and trial.fidelity == self.study.full
    ]
    if not pending:
      return process
    points = view.points(pending)
    believed = np.concatenate([seen.losses, process.predict(points)])
    return _fitted(
      _Data(np.concatenate([seen.points, points]), believed), view.kernel
    )

  def _view(
    self,
    num_trials: int,
    known: tuple[genotype_lib.Genotype, ...],
    losses: np.ndarray,
  ) -> _View:
    """Fitted to the first scores, and remembered with them.

    Their number grows in steps, so that not every proposal has to search.

    Args:
      num_trials: So far, which says whose turn it is.
      known: Architectures that have scores.
      losses: Float [N], of these.
    """
    count = beliefs.num_fitted(len(losses))
    number = num_trials % self.settings.num_kernels
    if self.settings.kernel == 'matern':
      number = 0
    first = known[:count], losses[:count].tobytes()
    key = number, first
    if key not in self._views:
      self._views = {k: v for k, v in self._views.items() if k[1] == first}
      make = self._matern if self.settings.kernel == 'matern' else self._esnac
      self._views[key] = make(known[:count], losses[:count], number)
    return self._views[key]

  def _matern(
    self,
    known: Sequence[genotype_lib.Genotype],
    losses: np.ndarray,
    number: int,
  ) -> _View:
    """Of the largest marginal likelihood; there is one."""
    del number

    def points(genotypes: Sequence[genotype_lib.Genotype]) -> np.ndarray:
      return self._encode(genotypes) * self._scale

    start = kernels.ConstantKernel(1.0, (0.1, 10.0)) * kernels.Matern(
      1.0, (0.1, 10.0), nu=2.5
    ) + kernels.WhiteKernel(0.1, (1e-4, 2.0))
    seen = _Data(points(known), losses)
    process = _fitted(seen, start, optimizer='fmin_l_bfgs_b')
    return _View(points, process.kernel_)

  def _esnac(
    self,
    known: Sequence[genotype_lib.Genotype],
    losses: np.ndarray,
    number: int,
  ) -> _View:
    """That of a number, learnt from a half of the scores that it draws."""
    rng = np.random.default_rng([number, len(losses)])
    half = rng.permutation(len(losses))[: max(2, len(losses) // 2)]
    weights = self._embedding.initial(rng)
    if len(half) > 1:
      weights = self._embedding.fitted(
        [known[i] for i in half],
        losses[half],
        self.settings.kernel_steps,
        weights,
      )
    return _View(
      functools.partial(self._embedding.points, weights),
      kernels.RBF(embedding.LENGTH, 'fixed')
      + kernels.WhiteKernel(embedding.NOISE, 'fixed'),
    )

  def _maximised(
    self,
    gains: Callable[[Sequence[genotype_lib.Genotype]], np.ndarray],
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
      order = np.argsort(-gains(candidates), kind='stable')[:size]
      pool = {candidates[i]: pool[candidates[i]] for i in order}
      if generation < self.settings.num_generations:
        for genotype, parent in list(pool.items()):
          child = fresh.mutant(self.study, genotype, tried, rng)
          pool.setdefault(child, parent)
    return next(iter(pool.items()))


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
