"""How well shorter trials rank the full ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from deeplab_nas.search.trials import history, strategy
from deeplab_nas.search.trials.learnt import beliefs
from deeplab_nas.space import genotype as genotype_lib

# Pairs below which a correlation says nothing.
_FEW = 4
# What is expected before there are pairs, and for how many pairs that counts.
_EXPECTED = 0.6
_EXPECTED_PAIRS = 4
# The strongest, of which Fisher's transformation is finite.
_MOST = 0.99


class Correlation(NamedTuple):
  """Between trials of one fidelity and full ones of the same architectures.

  Attributes:
    value: In [-1, 1], as if full trials had followed all short ones; NaN of
      fewer than four pairs.
    low: End of the interval of 95 %.
    high: Likewise.
    pairs: Architectures with both trials.
    shrunk: `value` and four pairs that correlate by .6, together.
  """

  value: float
  low: float
  high: float
  pairs: int
  shrunk: float


def correlations(
  study: strategy.Study, trials: Sequence[strategy.Trial]
) -> list[Correlation]:
  """What each fidelity but the full one says of full trials, shortest first.

  Only the promising ones get full trials, of which the short scores differ less
  than of all. The correlation is corrected for that (Thorndike's case 2): with
  u the ratio of the standard deviations of all short scores and of those of the
  pairs, r u / sqrt(1 + r^2 (u^2 - 1)).
  """
  full, found = _losses(study, trials, study.full), []
  for fidelity in study.fidelities[:-1]:
    short = _losses(study, trials, fidelity)
    pairs = [(short[g], full[g]) for g in short if g in full]
    found.append(_correlation(pairs, list(short.values())))
  return found


def sentence(
  study: strategy.Study, level: int, seen: Correlation, trust: float
) -> str:
  """One line on a fidelity for people."""
  length = study.fidelities[level]
  what, full = f'trials of {length.title}', 'full ones'
  if not length.is_trained:
    what, full = f'scores of the {length.title}', 'full trials'
  if np.isnan(seen.value):
    return (
      f'How well {what} rank {full} is not known yet'
      f' ({seen.pairs} architectures had both).'
    )
  text = (
    f'{what.capitalize()} rank {full} by a correlation of'
    f' {seen.value:.2f} (95 %: {seen.low:.2f} to {seen.high:.2f},'
    f' {seen.pairs} architectures)'
  )
  if seen.value < trust:
    return f'{text}: too low to trust (below {trust:g}).'
  if seen.low < trust:
    return f'{text}; it may also be below {trust:g}.'
  return f'{text}.'


def _losses(
  study: strategy.Study,
  trials: Sequence[strategy.Trial],
  fidelity: strategy.Fidelity,
) -> dict[genotype_lib.Genotype, float]:
  """Of each architecture, of which no training that went astray stands out."""
  scored = history.scored(study, trials, fidelity)
  means = history.mean_losses(study, scored)
  losses = np.array([loss for loss, *_ in means.values()])
  return dict(zip(means, beliefs.tamed(losses).tolist()))


def _correlation(
  pairs: Sequence[tuple[float, float]], short: Sequence[float]
) -> Correlation:
  count = len(pairs)
  if count < _FEW:
    return Correlation(np.nan, -1.0, 1.0, count, _EXPECTED)
  sds = np.std(pairs, axis=0)
  if not sds.all():
    return Correlation(np.nan, -1.0, 1.0, count, _EXPECTED)
  r = float(np.clip(np.corrcoef(np.transpose(pairs))[0, 1], -_MOST, _MOST))
  ratio = max(float(np.std(short) / sds[0]), 1.0)
  half = 1.96 / np.sqrt(count - 3)  # Fisher's transformation
  low, high = np.tanh(np.arctanh(r) - half), np.tanh(np.arctanh(r) + half)
  value, low, high = (_unrestricted(x, ratio) for x in (r, low, high))
  weights = (count - 3, _EXPECTED_PAIRS)
  shrunk = np.average(
    [np.arctanh(value), np.arctanh(_EXPECTED)], weights=weights
  )
  return Correlation(value, low, high, count, float(np.tanh(shrunk)))


def _unrestricted(r: float, ratio: float) -> float:
  found = r * ratio / np.sqrt(1 + r**2 * (ratio**2 - 1))
  return float(np.clip(found, -_MOST, _MOST))
