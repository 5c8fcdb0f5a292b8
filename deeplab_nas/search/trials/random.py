"""Random search: the baseline that every other strategy has to beat.

Reference:
  Li and Talwalkar, Random search and reproducibility for neural architecture
  search, https://arxiv.org/abs/1902.07638
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from deeplab_nas.config import search as config_search
from deeplab_nas.search.trials import fresh, history, strategy


class Random(history.ByScores):
  """Full trials of architectures drawn uniformly, none twice."""

  def __init__(
    self, study: strategy.Study, settings: config_search.SearchConfig
  ):
    del settings  # none of them matters
    self.study = study

  def propose(
    self, trials: Sequence[strategy.Trial], rng: np.random.Generator
  ) -> strategy.Proposal:
    """See `strategy.TrialStrategy`."""
    tried = history.tried(trials, self.study.full)
    genotype = fresh.random(self.study, tried, rng)
    return strategy.Proposal(genotype, self.study.full, is_random=True)
