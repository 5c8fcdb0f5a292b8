"""What the table can decide: noise, shares of variance, and what tells ranks.

Reference:
  Kendall, The treatment of ties in ranking problems (tau-b),
  https://doi.org/10.1093/biomet/33.3.239
  Fieller et al., Tests for rank correlation coefficients. I (interval of tau),
  https://doi.org/10.1093/biomet/44.3-4.470
  Searle et al., Variance components, Sec. 3.6 (one-way, unbalanced) and 4.5
  (two-way, crossed, random)
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import scipy.stats

from deeplab_nas.search.trials.table import rows as rows_lib
from deeplab_nas.space import genotype as genotype_lib

Genotype = genotype_lib.Genotype
_FEW = 5
_CONFIDENCE = 0.95
_Z = scipy.stats.norm.ppf((1 + _CONFIDENCE) / 2)


class Interval(NamedTuple):
  """Of 95 % confidence.

  Attributes:
    low: Its lower end.
    high: Its upper one.
  """

  low: float
  high: float


class Agreement(NamedTuple):
  """Of two rankings of the same architectures.

  Attributes:
    tau: Kendall's tau-b; NaN of fewer than five.
    correlation: Pearson's.
    count: Architectures.
  """

  tau: float
  correlation: float
  count: int

  @property
  def interval(self) -> Interval:
    """In which the true tau is, at 95 %, if ranks are those of Gaussians.

    NaN of ten or fewer, for which the approximation is not made.
    """
    if self.count <= 10 or not abs(self.tau) < 1:
      return Interval(np.nan, np.nan)
    z, sd = np.arctanh(self.tau), np.sqrt(0.437 / (self.count - 4))
    return Interval(*np.tanh([z - _Z * sd, z + _Z * sd]).tolist())

  @classmethod
  def of(cls, first: Sequence[float], second: Sequence[float]) -> Agreement:
    """Of two scores of each of some architectures."""
    count = len(first)
    if count < _FEW or not np.std(first) or not np.std(second):
      return cls(np.nan, np.nan, count)
    tau = scipy.stats.kendalltau(first, second)[0]
    return cls(float(tau), float(np.corrcoef(first, second)[0, 1]), count)


class Noise(NamedTuple):
  """Of the seeds, at one fidelity.

  Attributes:
    architectures: Standard deviation between architectures, without that of
      the seeds; 0 if there is no more than the seeds explain.
    seeds: Standard deviation between the seeds of one.
    interval: Of `reliability`; NaN without second seeds.
    agreement: Of the first seed with the second.
  """

  architectures: float
  seeds: float
  interval: Interval
  agreement: Agreement

  @property
  def reliability(self) -> float:
    """Share of the architecture in the variance of one trial's score.

    Also the correlation of the seeds, which is estimated by all trials here.
    """
    signal = self.architectures**2
    return signal / (signal + self.seeds**2)


def tau_of(correlation: float) -> float:
  """Kendall's tau of two Gaussians of a correlation."""
  return float(2 / np.pi * np.arcsin(correlation))


class Shares(NamedTuple):
  """Components of the variance of full trials on a grid of paths and cells.

  Attributes:
    path: Of the path.
    cell: Of the cell.
    both: Of what neither has alone.
    seed: Of the seed.
    num_paths: Of the grid.
    num_cells: Likewise.
    num_seeds: Likewise.
  """

  path: float
  cell: float
  both: float
  seed: float
  num_paths: int
  num_cells: int
  num_seeds: int


Scores = dict[Genotype, dict[int, float]]


def scores(table: rows_lib.Table, name: str, steps: int) -> Scores:
  """A score of all architectures at a fidelity, by seed."""
  found: Scores = {}
  for row in table:
    if row.key.steps == steps and row.scores is not None:
      found.setdefault(row.key.genotype, {})[row.key.seed] = row.scores[name]
  return found


def noise(found: Scores) -> Noise:
  """How much of a score is luck, by the one-way analysis of variance.

  The interval is that of the F distribution, exact for equal numbers of seeds.

  Args:
    found: See `scores`.
  """
  groups = [np.array(list(values.values())) for values in found.values()]
  several = [values for values in groups if len(values) > 1]
  agreement = Agreement.of([v[0] for v in several], [v[1] for v in several])
  sizes = np.array(list(map(len, groups)))
  total, freedom = sizes.sum(), sizes.sum() - len(groups)
  if not freedom or len(groups) < 2:
    nan = float('nan')
    return Noise(nan, nan, Interval(nan, nan), agreement)
  mean = np.concatenate(groups).mean()
  means = np.array([values.mean() for values in groups])
  apart = len(groups) - 1
  between_ms = np.sum(sizes * (means - mean) ** 2) / apart
  within_ms = sum(np.sum((v - v.mean()) ** 2) for v in groups) / freedom
  size = (total - np.sum(sizes**2) / total) / apart
  signal = max(0.0, (between_ms - within_ms) / size)
  ratios = (
    between_ms
    / within_ms
    / scipy.stats.f.ppf(
      [(1 + _CONFIDENCE) / 2, (1 - _CONFIDENCE) / 2], apart, freedom
    )
  )
  ends = np.clip((ratios - 1) / (ratios + size - 1), 0, 1)
  return Noise(
    float(np.sqrt(signal)),
    float(np.sqrt(within_ms)),
    Interval(*ends.tolist()),
    agreement,
  )


def between(first: Scores, second: Scores) -> Agreement:
  """Of the means of two fidelities, over architectures that have both."""
  both = [genotype for genotype in first if genotype in second]
  return Agreement.of(
    *([np.mean(list(s[g].values())) for g in both] for s in (first, second))
  )


def crossed(first: Scores, second: Scores) -> Agreement:
  """Of two fidelities with different seeds, which share no luck.

  Equal seeds begin with the same weights and batches at all fidelities. The
  mean of both ways round, of architectures that have seeds 0 and 1.
  """
  both = [
    g for g in first if {0, 1} <= first[g].keys() & second.get(g, {}).keys()
  ]
  ways = [
    Agreement.of([first[g][s] for g in both], [second[g][1 - s] for g in both])
    for s in (0, 1)
  ]
  tau, correlation, _ = np.mean(ways, axis=0).tolist()
  return Agreement(tau, correlation, len(both))


def chance(count: int) -> float:
  """The tau that one in twenty of unrelated rankings of so many exceeds."""
  return float(_Z * np.sqrt(2 * (2 * count + 5) / (9 * count * (count - 1))))


def grid_shares(
  found: Scores,
  paths: Sequence[tuple[int, ...]],
  cells: Sequence[tuple],
  num_seeds: int = 2,
) -> Shares | None:
  """Components of variance, by the expected mean squares; None without a grid.

  Negative estimates count as 0.

  Args:
    found: See `scores`.
    paths: Of the grid, in their order.
    cells: Likewise; the largest beginning of both that is complete counts.
    num_seeds: The first seeds of each, at least two.
  """
  size = _complete(found, paths, cells, num_seeds)
  if size is None:
    return None
  a, b, n = *size, num_seeds
  values = np.array(
    [
      [[found[Genotype(p, c)][s] for s in range(n)] for c in cells[:b]]
      for p in paths[:a]
    ]
  )
  mean, by_cell = values.mean(), values.mean(2)
  path, cell = by_cell.mean(1), by_cell.mean(0)
  rest = by_cell - path[:, None] - cell[None] + mean
  ms_path = b * n * np.sum((path - mean) ** 2) / (a - 1)
  ms_cell = a * n * np.sum((cell - mean) ** 2) / (b - 1)
  ms_both = n * np.sum(rest**2) / ((a - 1) * (b - 1))
  ms_seed = np.sum((values - by_cell[..., None]) ** 2) / (a * b * (n - 1))
  parts = np.maximum(
    [
      (ms_path - ms_both) / (b * n),
      (ms_cell - ms_both) / (a * n),
      (ms_both - ms_seed) / n,
      ms_seed,
    ],
    0,
  )
  return Shares(*(parts / parts.sum()).tolist(), a, b, n)


def _complete(found, paths, cells, num_seeds) -> tuple[int, int] | None:
  """The largest beginnings of paths and cells with all seeds."""

  def is_there(path, cell) -> bool:
    known = found.get(Genotype(path, cell), {})
    return all(seed in known for seed in range(num_seeds))

  sizes = [
    (a, b)
    for a, b in itertools.product(
      range(2, len(paths) + 1), range(2, len(cells) + 1)
    )
    if all(map(is_there, *zip(*itertools.product(paths[:a], cells[:b]))))
  ]
  return max(sizes, key=lambda size: size[0] * size[1], default=None)


class Predictor(NamedTuple):
  """How a number that needs no trial ranks full trials.

  Attributes:
    raw: Tau with the score.
    partial: Tau given the multiply-adds, if ranks are those of Gaussians.
    count: Architectures.
  """

  raw: float
  partial: float
  count: int


def predictors(
  found: Scores,
  features: Mapping[str, Callable[[Genotype], float]],
  macs: Callable[[Genotype], float],
) -> dict[str, Predictor]:
  """How well features rank architectures.

  Args:
    found: See `scores`; architectures count by the mean of their seeds.
    features: By name.
    macs: What is held fixed in the partial tau.
  """
  genotypes = list(found)
  score = [np.mean(list(found[g].values())) for g in genotypes]
  given = [macs(g) for g in genotypes]
  with_macs = Agreement.of(given, score).tau
  result = {}
  for name, feature in features.items():
    values = [feature(g) for g in genotypes]
    raw = Agreement.of(values, score).tau
    shared = Agreement.of(values, given).tau
    partial = _partial(raw, shared, with_macs)
    result[name] = Predictor(raw, partial, len(genotypes))
  return result


def _partial(tau: float, *given: float) -> float:
  """Tau of two numbers, given a third of which both taus are known.

  By way of the correlations r = sin(pi tau / 2) of a Gaussian copula: partial
  tau by Kendall's own formula is not 0 where nothing is left.
  """
  r, first, second = np.sin(np.pi / 2 * np.array([tau, *given]))
  rest = np.sqrt((1 - first**2) * (1 - second**2))
  if not rest > 0:
    return np.nan
  partial = np.clip((r - first * second) / rest, -1, 1)
  return float(2 / np.pi * np.arcsin(partial))
