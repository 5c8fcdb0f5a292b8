"""ESNAC: Bayesian optimisation over compressions of a trained network.

Reference:
  Cao, Wang and Kitani, Learnable embedding space for efficient neural
  architecture compression, Sec. 3, https://arxiv.org/abs/1902.00383
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from deeplab_nas.search.trials import history, strategy
from deeplab_nas.search.trials.learnt import bayesian


class Esnac(bayesian.Bayesian):
  """`Bayesian` with its kernel `esnac`, among the students of a teacher.

  The first student is the teacher made narrower; `num_initial` with it are
  random ones, see `students.Students`. Each is as wide as the budget allows,
  and no wider than the teacher.

  Differs from the paper in the moves, which are those of one cell for all
  layers and a path of fixed length; in the width, which is as large as the
  budget allows in place of a random one, so that no layer has a ratio of its
  own; in the teacher, which is none of the records, for its reward would be 0;
  and in expected improvement, maximised by evolution and not over 1,000 random
  students.
  """

  def propose(
    self, trials: Sequence[strategy.Trial], rng: np.random.Generator
  ) -> strategy.Proposal:
    """See `strategy.TrialStrategy`."""
    start = self.study.start
    if start is not None and not trials and self.study.is_within(start):
      return strategy.Proposal(start, self.study.full)
    return super().propose(trials, rng)

  def remarks(self, trials: Sequence[strategy.Trial]) -> Sequence[str]:
    """See `strategy.TrialStrategy`."""
    best = history.best_trial(self.study, trials)
    if best is None or 'reward' not in best.scores:
      return ()
    found = [f'The student costs {_compared(best)}.']
    narrow = [
      t
      for t in history.scored(self.study, trials, best.fidelity)
      if t.genotype == self.study.start
    ]
    if narrow and best.genotype != self.study.start:
      found.append(f'The teacher made narrower costs {_compared(narrow[0])}.')
    return found


def _compared(trial: strategy.Trial) -> str:
  cost = 1 - trial.scores['cost_removed']
  return (
    f'{100 * cost:.1f} % of what the teacher does, and has'
    f' {100 * trial.scores["accuracy_kept"]:.1f} % of its mIoU on half B, of'
    ' which the teacher knew the labels'
  )
