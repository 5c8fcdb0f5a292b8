"""How wide an architecture is trained: as wide as the study's budget allows."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import math

import numpy as np

from deeplab_nas.config import config as config_lib
from deeplab_nas.search.trials import costs, strategy
from deeplab_nas.space import cost, latency, search_space, widest
from deeplab_nas.space import genotype as genotype_lib

# Architectures of which the default budget is the median.
_SAMPLE = 101


@dataclasses.dataclass(frozen=True)
class Widths:
  """The filter multipliers of a study's trials.

  Attributes:
    model: Counts what networks cost for a crop of the training.
    budget: The most that one may cost.
    measure: By what.
    most: The largest F, whatever the budget; None for no limit.
  """

  model: cost.CostModel
  budget: float
  measure: str
  most: float | None = None

  @functools.cached_property
  def _known(self) -> dict[genotype_lib.Genotype, float | None]:
    return {}

  @functools.cached_property
  def _narrowest(self) -> cost.CostModel:
    return self.model.with_filter_multiplier(1)

  def widest(self, genotype: genotype_lib.Genotype) -> float | None:
    """The largest F within budget and limit; None if there is none."""
    if not self.model.has_network(genotype):
      return None
    if genotype not in self._known:
      try:
        found = self._found(genotype)
      except ValueError:
        found = None
      self._known[genotype] = found
    return self._known[genotype]

  def _found(self, genotype: genotype_lib.Genotype) -> float:
    found = self.model.widest(genotype, self.budget, self.measure)
    if self.most is None or found <= self.most:
      return found
    steps = 2 ** max(genotype.path)  # of F, see `CostModel.widest`
    for numerator in range(int(self.most * steps), steps - 1, -1):
      narrow = self.model.with_filter_multiplier(numerator / steps)
      with contextlib.suppress(latency.UntimedError):
        if narrow.measure(genotype, self.measure) <= self.budget:
          return numerator / steps
    raise ValueError(f'no F up to {self.most:g} is within the budget')

  def least(self, genotype: genotype_lib.Genotype) -> float:
    """What it costs at the smallest F that counts; infinite without one."""
    steps = 2 ** max(genotype.path)
    for numerator in range(steps, int(self.most * steps) + 1):
      with contextlib.suppress(latency.UntimedError):
        narrow = self.model.with_filter_multiplier(numerator / steps)
        return narrow.measure(genotype, self.measure)
    return math.inf

  def is_within(self, genotype: genotype_lib.Genotype) -> bool:
    """Whether the architecture can be built within the budget.

    One that can with F = 1, as most can, is not measured any wider: strategies
    ask this of hundreds for each that is trained.
    """
    if not self.model.has_network(genotype):
      return False
    if genotype not in self._known and (self.most is None or self.most >= 1):
      with contextlib.suppress(latency.UntimedError):
        if self._narrowest.measure(genotype, self.measure) <= self.budget:
          return True
    return self.widest(genotype) is not None

  def of(self, proposal: strategy.Proposal) -> float | None:
    """F of a trial, at least 1; None if the budget allows none."""
    widest = self.widest(proposal.genotype)
    if widest is None:
      return None
    return max(1.0, widest * proposal.fidelity.width)


def sample(space: search_space.SearchSpace) -> list[genotype_lib.Genotype]:
  """Random architectures that stand for the space, always the same."""
  rng = np.random.default_rng(0)
  return [space.random(rng) for _ in range(_SAMPLE)]


def from_config(
  config: config_lib.Config,
  space: search_space.SearchSpace,
  num_classes: int,
  table: latency.LatencyTable | None = None,
) -> Widths:
  """The widths that settings ask for.

  Args:
    config: Every setting.
    space: Of the study.
    num_classes: Of the data.
    table: Of latencies, where they are the budget.

  Raises:
    UserError: If the table does not cover `network.filter_multiplier`.
  """
  search = config.search
  model = config.network.cost_model(space, num_classes, config.data.crop_size)
  if table is not None and search.trial_measure == widest.LATENCY:
    model = costs.timed(config, space, num_classes, table)
  budget = search.trial_budget
  if budget is None:
    genotypes = sample(space)
    if search.trial_measure == widest.LATENCY:
      width = model.space.filter_multiplier
      costs.check_covers(model, [(g, width) for g in genotypes])
    budget = float(
      np.median([model.measure(g, search.trial_measure) for g in genotypes])
    )
  return Widths(model, budget, search.trial_measure)
