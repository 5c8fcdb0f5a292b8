"""Where strategies race: landscapes of which the best architecture is known.

Each number of a run has a landscape of its own, the same for all contestants.
"""

from __future__ import annotations

import collections
import dataclasses
import functools
from collections.abc import Callable

import numpy as np

from benchmarks import landscapes, races
from deeplab_nas import errors
from deeplab_nas.search.trials import strategy
from deeplab_nas.search.trials.table import lookup, rows, space, surrogate
from deeplab_nas.space import genotype as genotype_lib

# Random architectures among which one has its place on a made-up landscape.
_NUM_OTHERS = 2000
_SHORT, _FULL = strategy.Fidelity(50), strategy.Fidelity(400)
# Standard deviations of random architectures, and steps.
_NOISE, _START = 0.5, 40


@dataclasses.dataclass(frozen=True)
class Arena:
  """One landscape.

  Attributes:
    task: Trials on it.
    loss: Of an architecture in full trials, without noise.
    least: The lowest loss of the space.
    mean: Of random architectures.
    share_of_better: Of an architecture, how many of the space are better, in
      [0, 1).
  """

  task: races.Evaluator
  loss: Callable[[genotype_lib.Genotype], float]
  least: float
  mean: float
  share_of_better: Callable[[genotype_lib.Genotype], float]


class TableTask:
  """Trials of a table and its surrogate; a `races.Evaluator`."""

  def __init__(self, evaluator: lookup.TableEvaluator):
    self.study = evaluator.study()
    self._evaluator = evaluator

  def evaluate(self, proposal: strategy.Proposal, seed: int) -> races.Result:
    """See `races.Evaluator`; seconds are those of a processor."""
    found = self._evaluator(proposal, seed)
    return races.Result(found.scores, found.seconds, found.failure)


class Table:
  """Draws from what a table leaves open: each run has another one."""

  def __init__(self, table: rows.Table):
    """Fits the surrogate, in a second.

    Args:
      table: Lengths of which it has no two different scores are left out.

    Raises:
      UserError: If that is so of full trials.
    """
    self._table = _with_scores(table)
    self._made = surrogate.Surrogate(self._table)

  def __call__(self, run: int) -> Arena:
    """The landscape of a run."""
    # Of no study, whose generators have two numbers.
    rng = np.random.default_rng([run, 0, 0x7AB1E])
    evaluator = lookup.TableEvaluator(self._table, self._made, rng)
    return Arena(
      TableTask(evaluator),
      evaluator.loss,
      evaluator.least,
      float(evaluator.losses[..., -1].mean()),
      evaluator.share_of_better,
    )


def _with_scores(table: rows.Table) -> rows.Table:
  """The rows of those lengths of which the surrogate can tell something."""
  scores = collections.defaultdict(set)
  for row in table:
    if row.scores is not None:
      scores[row.key.steps].add(row.scores['cross_entropy'])
  steps = table.protocol.steps
  kept = tuple(length for length in steps if len(scores[length]) > 1)
  errors.require(
    kept[-1:] == steps[-1:],
    f'The table has fewer than two scores of {steps[-1]} steps: build more.',
  )
  found = rows.Table(dataclasses.replace(table.protocol, steps=kept))
  for row in table:
    if row.key.steps in kept:
      found.append(row)
  return found


class MadeUp:
  """`landscapes.KINDS` in turn, in standard deviations.

  A trial has 50 or 400 steps and starts as long as 40 take; a second is a step.
  The noise of seeds is half a standard deviation.
  """

  def __init__(self, correlation: float):
    """Nothing is made yet.

    Args:
      correlation: Of short and full trials, without noise.
    """
    self._correlation = correlation

  def __call__(self, run: int) -> Arena:
    """The landscape of a run."""
    seed, kind = divmod(run, len(landscapes.KINDS))
    make = landscapes.KINDS[list(landscapes.KINDS)[kind]]
    full, other = make(space.SPACE, seed), make(space.SPACE, seed + 10_000)
    short = landscapes.blend(full, other, self._correlation)
    study = strategy.Study(space.SPACE, (_SHORT, _FULL))
    task = races.Task(study, [short, full], _NOISE, _START)
    losses = np.sort([full(genotype) for genotype in _others()])
    least = full.least if full.least is not None else _least_of_sum(full)
    return Arena(
      task,
      full,
      least,
      float(losses.mean()),
      lambda genotype: float(
        np.searchsorted(losses, full(genotype)) / len(losses)
      ),
    )


def _least_of_sum(loss: landscapes.Loss) -> float:
  """The least loss where path and cell do not depend on each other."""
  cell = space.cells()[0]
  paths = [genotype_lib.Genotype(other, cell) for other in space.paths()]
  best = min(paths, key=loss).path
  return min(
    loss(genotype_lib.Genotype(best, other)) for other in space.cells()
  )


@functools.cache
def _others() -> list[genotype_lib.Genotype]:
  rng = np.random.default_rng(0)
  return [space.SPACE.random(rng) for _ in range(_NUM_OTHERS)]
