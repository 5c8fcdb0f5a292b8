"""Times cases in alternation, so that load on the machine hits all alike."""

from __future__ import annotations

import contextlib
import dataclasses
import statistics
from collections.abc import Sequence
from typing import Any

from absl import logging

from benchmarks import case as case_lib
from benchmarks import child
from benchmarks import worker as worker_lib
from deeplab_nas import errors
from deeplab_nas.runtime import other_load


@dataclasses.dataclass(frozen=True)
class Result:
  """What was measured of one case.

  Attributes:
    case: Which one.
    times: Of each timed step.
    first_step_seconds: From the start of its process to the end of its first
      step: imports, building, tracing, compiling.
    peak_bytes: The most memory of its process.
    facts: Those of the case.
    threads: Those of TensorFlow, by name.
    other_load: Share of the machine that other processes than those of the
      cases had during the timed steps, from 0 to 1: if it is not small, times
      are too long. None where the system does not tell.
    ratio: Seconds of this case over those of the first one: the median over
      the rounds, each of which has a step of both. None for a single case.
  """

  case: case_lib.Case
  times: tuple[child.StepTime, ...]
  first_step_seconds: float
  peak_bytes: int
  facts: dict[str, Any]
  threads: dict[str, int]
  other_load: float | None = None
  ratio: float | None = None

  @property
  def seconds(self) -> tuple[float, ...]:
    return tuple(time.seconds for time in self.times)

  @property
  def median_seconds(self) -> float:
    return statistics.median(self.seconds)

  @property
  def median_cpu_seconds(self) -> float:
    return statistics.median(time.cpu_seconds for time in self.times)

  @property
  def quartile_range_seconds(self) -> float:
    """The width of the middle half; 0 for a single step."""
    if len(self.seconds) < 2:
      return 0.0
    first, _, third = statistics.quantiles(
      self.seconds, n=4, method='inclusive'
    )
    return third - first


def compare(
  cases: Sequence[case_lib.Case], num_runs: int = 7, num_warm_up: int = 1
) -> list[Result]:
  """Times the steps A, B, A, B, ... of cases A and B, or of any number.

  All processes are there at the same time, each with its memory. They start
  one after the other, so that the seconds until the first step are those of a
  process that has the machine for itself.

  Args:
    cases: With different names.
    num_runs: Timed steps of each case.
    num_warm_up: Steps of each case that are not timed, after its first one.

  Returns:
    The result of each case, in their order.

  Raises:
    UserError: If a case fails; says which one.
  """
  names = [case.name for case in cases]
  errors.require(
    len(set(names)) == len(names),
    f'Cases need different names, these are {", ".join(names)}.',
  )
  with contextlib.ExitStack() as stack:
    workers = []
    for case in cases:
      logging.info('%s: starting, until its first step is done ...', case.name)
      workers.append(stack.enter_context(worker_lib.Worker(case)))
      logging.info(
        '%s: started in %.1f s.', case.name, workers[-1].first_step_seconds
      )
    for _ in range(num_warm_up):
      for worker in workers:
        worker.step()
    load = other_load.OtherLoad()
    rounds = [_round(workers, i, num_runs) for i in range(num_runs)]
    share = load.share(
      sum(time.cpu_seconds for times in rounds for time in times)
    )
    results = [
      _result(worker, times, share)
      for worker, times in zip(workers, zip(*rounds))
    ]
  if len(results) == 1:
    return results
  first = results[0].seconds
  return [
    dataclasses.replace(result, ratio=_ratio(result.seconds, first))
    for result in results
  ]


def _round(
  workers: Sequence[worker_lib.Worker], index: int, num_runs: int
) -> list[child.StepTime]:
  """One step of each."""
  times = [worker.step() for worker in workers]
  text = ', '.join(f'{time.seconds:.4f} s' for time in times)
  logging.info('Run %d of %d: %s.', index + 1, num_runs, text)
  return times


def _result(
  worker: worker_lib.Worker,
  times: tuple[child.StepTime, ...],
  share: float | None,
) -> Result:
  measured = worker.end()
  return Result(
    worker.case,
    times,
    worker.first_step_seconds,
    measured.peak_bytes,
    measured.facts,
    measured.threads,
    share,
  )


def _ratio(seconds: Sequence[float], others: Sequence[float]) -> float:
  return statistics.median(a / b for a, b in zip(seconds, others))
