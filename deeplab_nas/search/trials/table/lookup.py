"""The evaluator `table`: trials that take no time, in simulated seconds."""

from __future__ import annotations

import collections
from typing import NamedTuple

import numpy as np

from deeplab_nas.search.trials import strategy
from deeplab_nas.search.trials.table import rows as rows_lib
from deeplab_nas.search.trials.table import space, surrogate
from deeplab_nas.space import genotype as genotype_lib


class Looked(NamedTuple):
  """The outcome of a trial that was looked up.

  Attributes:
    scores: 'cross_entropy' alone; None where the row's trial failed.
    seconds: Of processor time, that the trial would have taken.
    is_measured: Whether it is that of a row; else the surrogate made it.
    failure: Of the row, or None.
  """

  scores: dict[str, float] | None
  seconds: float
  is_measured: bool
  failure: str | None = None


class TableEvaluator:
  """Trials of the table's space, by the rows and a landscape for the rest.

      surrogate = surrogate_lib.Surrogate(table)
      evaluator = TableEvaluator(table, surrogate, np.random.default_rng(0))
      evaluator(proposal, seed=7).scores['cross_entropy']

  An architecture with rows of the fidelity gets one of these, by the seed. Any
  other one gets the landscape's loss and the noise of seeds.

  Attributes:
    losses: Float [paths, cells, K], the landscape: without noise.
    least: The lowest loss of full trials in it.
  """

  def __init__(
    self,
    table: rows_lib.Table,
    made: surrogate.Surrogate,
    rng: np.random.Generator | None = None,
  ):
    """Draws the landscape.

    Args:
      table: The rows.
      made: Their surrogate.
      rng: Draws; None for the expected landscape, which is smoother than any.
    """
    self.fidelities = table.protocol.fidelities
    self.losses = made.mean() if rng is None else made.draw(rng)
    self.least = float(self.losses[..., -1].min())
    self._noise = made.noise
    self._rows = collections.defaultdict(list)
    for row in table:
      self._rows[row.key.genotype, row.key.steps].append(row)
    self._seconds = {
      steps: float(
        np.median([r.seconds for r in table if r.key.steps == steps])
      )
      for steps in table.protocol.steps
    }

  def __call__(self, proposal: strategy.Proposal, seed: int) -> Looked:
    """The outcome of a trial.

    Args:
      proposal: Of the space, at one of the table's fidelities.
      seed: Of the trial.

    Raises:
      ValueError: If the table has no such fidelity.
    """
    level = self.fidelities.index(proposal.fidelity)
    steps = proposal.fidelity.steps
    rng = np.random.default_rng(seed)
    rows = self._rows.get((proposal.genotype, steps))
    if rows:
      row = rows[rng.integers(len(rows))]
      scores = row.scores and {'cross_entropy': row.scores['cross_entropy']}
      return Looked(scores, row.seconds, True, row.failure)
    loss = self.losses[surrogate.place(proposal.genotype)][level]
    loss = float(loss + self._noise[level] * rng.normal())
    return Looked({'cross_entropy': loss}, self._seconds[steps], False)

  def loss(self, genotype: genotype_lib.Genotype) -> float:
    """Of a full trial, without noise."""
    return float(self.losses[surrogate.place(genotype)][-1])

  def share_of_better(self, genotype: genotype_lib.Genotype) -> float:
    """Of the space's architectures, those of a lower loss, in [0, 1)."""
    return float(np.mean(self.losses[..., -1] < self.loss(genotype)))

  def study(self) -> strategy.Study:
    """What a strategy is told."""
    return strategy.Study(space.SPACE, self.fidelities)
