"""The surrogate of a study: fitted to its history, and remembered with it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from deeplab_nas.search.trials import history, strategy
from deeplab_nas.search.trials.learnt import features, surrogate
from deeplab_nas.space import genotype as genotype_lib

# The parameters are fitted anew each time there are so many times the scores.
_GROWTH = 1.25
_FIRST_FIT = 4
# Scores that make a median.
_MEDIAN_OF = 5


class Model:
  """Losses that are expected of architectures."""

  def __init__(
    self,
    described: features.Features,
    posterior: surrogate.Surrogate,
    ids: dict[genotype_lib.Genotype, int],
  ):
    self._described, self._posterior, self._ids = described, posterior, ids

  def predict(
    self, genotypes: Sequence[genotype_lib.Genotype], level: int
  ) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation, [N] each, of the loss without noise.

    Args:
      genotypes: Architectures of the space, tried ones or others.
      level: Index of the fidelity in the study.
    """
    ids = np.array([self._ids.get(genotype, -1) for genotype in genotypes])
    return self._posterior.predict(self._described(genotypes), ids, level)


class Beliefs:
  """Makes the model of a history; of equal histories it is equal."""

  def __init__(self, study: strategy.Study):
    self._study = study
    self._described = features.Features(study.space)
    self._fitted: dict[tuple, surrogate.Parameters] = {}

  def of(self, trials: Sequence[strategy.Trial]) -> Model | None:
    """The model of the first objective; None while there is no score."""
    levels = {f: level for level, f in enumerate(self._study.fidelities)}
    scored = sorted(
      (
        trial
        for fidelity in levels
        for trial in history.scored(self._study, trials, fidelity)
      ),
      key=lambda trial: trial.number,
    )
    if not scored:
      return None
    ids = {t.genotype: i for i, t in reversed(list(enumerate(scored)))}
    seen = surrogate.Observations(
      self._described([trial.genotype for trial in scored]),
      np.array([ids[trial.genotype] for trial in scored]),
      np.array([levels[trial.fidelity] for trial in scored]),
      np.array([self._study.loss(trial) for trial in scored]),
    )
    seen = seen._replace(losses=tamed(seen.losses, seen.levels))
    posterior = surrogate.Surrogate(
      seen, self._parameters(seen, len(levels)), self._described.weights
    )
    return Model(self._described, posterior, ids)

  def _parameters(
    self, seen: surrogate.Observations, num_levels: int
  ) -> surrogate.Parameters:
    """Those of the first scores, up to a number that grows in steps."""
    count = num_fitted(len(seen.losses))
    first = surrogate.Observations(*(column[:count] for column in seen))
    key = tuple(column.tobytes() for column in first)
    if key not in self._fitted:
      found = surrogate.fit(first, num_levels, self._described.weights)
      self._fitted = {key: found}
    return self._fitted[key]


def num_fitted(num_scores: int) -> int:
  """Of so many scores, to how many first ones parameters are fitted.

  It grows in steps, so that parameters need not be fitted for every proposal.
  """
  count = _FIRST_FIT
  while count * _GROWTH < num_scores:
    count = int(np.ceil(count * _GROWTH))
  return count


def tamed(losses: np.ndarray, levels: np.ndarray | None = None) -> np.ndarray:
  """Losses of which none is far above the others of its fidelity.

  A training that went astray is bad, but no measure of all others: what is more
  than five robust standard deviations above the median is put there.

  Args:
    losses: Float [N].
    levels: Integers [N], of fidelities; None of one.
  """
  found = losses.copy()
  if levels is None:
    levels = np.zeros(len(losses), int)
  for level in np.unique(levels):
    here = levels == level
    if here.sum() >= _MEDIAN_OF:
      median = np.median(losses[here])
      spread = 1.4826 * np.median(np.abs(losses[here] - median))
      found[here] = np.minimum(losses[here], median + 5 * spread)
  return found
