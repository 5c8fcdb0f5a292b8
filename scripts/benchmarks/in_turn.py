"""Several steps in one process, one after the other, each with its time.

Processes of their own are minutes apart when each takes minutes to start, and a
shared machine is faster or slower by then. Steps in turn share all of that.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping


class InTurn:
  """A step of a case, made of a step of each kind.

      turns = InTurn({'network': network_step, 'export': export_step})
      case.Job(turns.step, turns.facts)

  Attributes:
    steps: By their names.
    rounds: For each round the seconds of each, by name.
  """

  def __init__(self, steps: Mapping[str, Callable[[], object]]):
    """For two steps or more, by their names; the first is the measure."""
    self.steps = steps
    self.rounds = []

  def step(self) -> None:
    """Does a step of each, in their order."""
    self.rounds.append(
      {name: _seconds(step) for name, step in self.steps.items()}
    )

  def facts(self) -> dict[str, float]:
    """The median of each, and its ratio to the first: the median over rounds.

    The first round, which compiles, is left out.

    Returns:
      `NAME_median_seconds` of each, `NAME_to_FIRST` of all but the first.
    """
    timed = self.rounds[1:]
    first, *others = self.steps
    medians = {
      f'{name}_median_seconds': statistics.median(x[name] for x in timed)
      for name in self.steps
    }
    ratios = {
      f'{name}_to_{first}': statistics.median(x[name] / x[first] for x in timed)
      for name in others
    }
    return {**medians, **ratios}


def _seconds(step: Callable[[], object]) -> float:
  start = time.perf_counter()
  step()
  return time.perf_counter() - start
