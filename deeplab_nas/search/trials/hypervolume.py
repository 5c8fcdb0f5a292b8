"""How much a Pareto front dominates, exactly.

Optuna's public functions draw a hypervolume and do not return one; SciPy and
scikit-learn have none.

Reference:
  Zitzler and Thiele, Multiobjective evolutionary algorithms: a comparative case
  study, https://doi.org/10.1109/4235.797969
  While et al., A faster algorithm for calculating hypervolume (the slices),
  https://doi.org/10.1109/TEVC.2005.851275
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from deeplab_nas.search.trials import history, strategy

# Trials of which the worst values are where the volume begins.
NUM_FIRST = 5


def volume(losses: np.ndarray, reference: np.ndarray) -> float:
  """Of all points that some row dominates and that dominate the reference.

  Args:
    losses: float [N, M], less being better; rows may be dominated.
    reference: float [M]; what is beyond it in an objective counts as nothing.

  Returns:
    The volume in M dimensions, 0 of no rows.
  """
  reference = np.asarray(reference, float)
  rows = np.asarray(losses, float).reshape(-1, len(reference))
  return _volume(rows[(rows < reference).all(1)], reference)


def _volume(rows: np.ndarray, reference: np.ndarray) -> float:
  """Of slices along the last objective, each as thick as two rows differ."""
  if not len(rows):
    return 0.0
  if len(reference) == 1:
    return float(reference[0] - rows.min())
  rows = rows[rows[:, -1].argsort(kind='stable')]
  depths = np.append(rows[1:, -1], reference[-1]) - rows[:, -1]
  if len(reference) == 2:
    lengths = reference[0] - np.minimum.accumulate(rows[:, 0])
    return float(lengths @ depths)
  return sum(
    depth * _volume(rows[:count, :-1], reference[:-1])
    for count, depth in enumerate(depths, 1)
    if depth > 0
  )


def share(
  study: strategy.Study, trials: Sequence[strategy.Trial]
) -> float | None:
  """What the front of the full trials dominates, of what could be dominated.

  The box lies between the worst values of the first `NUM_FIRST` full trials
  with scores and the ideal ones: 1 of a score of which more is better, 0 of
  all others. So it never falls as a study goes on. A reward above 1, of a
  student that is better than its teacher, counts as 1.

  Args:
    study: Names the objectives.
    trials: In the order of their numbers.

  Returns:
    In [0, 1]; None of one objective, and before there are so many trials.
  """
  rows = np.array(
    [study.losses(t) for t in history.scored(study, trials, study.full)]
  )
  if len(study.objectives) < 2 or len(rows) < NUM_FIRST:
    return None
  ideal = np.array(
    [-float(n in strategy.LARGER_IS_BETTER) for n in study.objectives]
  )
  rows = np.maximum(rows, ideal)
  spread = rows[:NUM_FIRST].max(0) - ideal
  if not spread.all():  # nothing is better than that
    return 1.0
  return volume((rows - ideal) / spread, np.ones(len(ideal)))
