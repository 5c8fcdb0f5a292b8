"""A table of latencies against the clock, on networks that it has not seen."""

from __future__ import annotations

import dataclasses
import statistics
from collections.abc import Sequence

import numpy as np
import tqdm

from deeplab_nas.space import cost
from deeplab_nas.space import genotype as genotype_lib
from deeplab_nas.timing import measurement, networks, stopwatch

_ROUNDS = 8
_CALLS = 8  # of a turn
_STEP = 1 / 8  # of widths
_MAX_DRAWS = 1000  # of an architecture that has the decoder's stride


@dataclasses.dataclass(frozen=True)
class Compared:
  """One network.

  Attributes:
    genotype: Its architecture.
    width: Its F.
    predicted: Milliseconds by the table.
    measured: Milliseconds by the clock.
  """

  genotype: genotype_lib.Genotype
  width: float
  predicted: float
  measured: float

  @property
  def error(self) -> float:
    """Of the prediction, relative to the clock."""
    return self.predicted / self.measured - 1


def draw(
  model: cost.CostModel,
  num: int,
  widths: tuple[float, float],
  seed: int | Sequence[int] = 0,
  genotypes: Sequence[genotype_lib.Genotype] | None = None,
  is_log: bool = False,
) -> list[tuple[cost.CostModel, genotype_lib.Genotype]]:
  """Random architectures of random widths.

  Args:
    model: Gives space, head, classes and image size.
    num: How many.
    widths: Least and largest F; any multiple of 1 / 8 from one to the other.
    seed: Of the draws.
    genotypes: Where the architectures are from; None for the whole space. Of
      them only those whose path has `model.low_level_stride` can be built.
    is_log: Whether the logarithm of F is uniform, and not F.

  Raises:
    ValueError: If no architecture has that stride.
  """
  rng = np.random.default_rng(seed)
  low, high = widths
  steps = int((high - low) / _STEP)
  drawn = []
  for _ in range(num):
    step = int(rng.integers(steps + 1))
    if is_log:
      width = low * (high / low) ** rng.random()
      step = min(round((width - low) / _STEP), steps)
    wide = model.with_filter_multiplier(low + _STEP * step)
    drawn.append((wide, _draw_genotype(model, genotypes, rng)))
  return drawn


def _draw_genotype(
  model: cost.CostModel,
  genotypes: Sequence[genotype_lib.Genotype] | None,
  rng: np.random.Generator,
) -> genotype_lib.Genotype:
  """One that can be built."""
  for _ in range(_MAX_DRAWS):
    genotype = (
      genotypes[rng.integers(len(genotypes))]
      if genotypes
      else model.space.random(rng)
    )
    if model.has_network(genotype):
      return genotype
  raise ValueError(
    f'of {_MAX_DRAWS} random architectures no path has stride'
    f' {model.low_level_stride}, which is network.low_level_stride'
  )


def compare(
  drawn: Sequence[tuple[cost.CostModel, genotype_lib.Genotype]],
  rounds: int = _ROUNDS,
) -> list[Compared]:
  """Builds networks as they are exported, and times them in turn.

  Args:
    drawn: Cost models with `latencies`, and their architectures.
    rounds: How often each has its turn, of some calls in a row as of a stream
      of images. The first of them, after other networks, are not timed; of the
      others the fastest counts, as the one that no other program disturbed, and
      of all turns the median.

  Raises:
    UntimedError: If the table lacks an operation of one.
  """
  predicted = [model.measure(each, 'latency_ms') for model, each in drawn]
  calls = [
    networks.build(*each)
    for each in tqdm.tqdm(drawn, unit='network', disable=None, leave=False)
  ]
  times = [[] for _ in drawn]
  for _ in tqdm.trange(rounds, unit='round', disable=None, leave=False):
    for call, found in zip(calls, times):
      for _ in range(stopwatch.WARM_UP_RUNS):
        call()
      found.append(min(measurement.milliseconds(call) for _ in range(_CALLS)))
  return [
    Compared(
      genotype,
      model.space.filter_multiplier,
      prediction,
      statistics.median(found),
    )
    for (model, genotype), prediction, found in zip(drawn, predicted, times)
  ]


def spearman(compared: Sequence[Compared]) -> float:
  """Rank correlation of predictions with the clock, -1 to 1."""
  ranks = [
    np.argsort(np.argsort(values))
    for values in (
      [each.predicted for each in compared],
      [each.measured for each in compared],
    )
  ]
  return float(np.corrcoef(*ranks)[0, 1])


def median_error(compared: Sequence[Compared]) -> float:
  """Of absolute relative errors."""
  return statistics.median(abs(each.error) for each in compared)


def describe(compared: Sequence[Compared]) -> str:
  """A line for each network, from the fastest up, and the two numbers."""
  lines = ['architecture       F   table ms   clock ms    error']
  for each in sorted(compared, key=lambda each: each.measured):
    lines.append(
      f'{each.genotype.digest:<12}{each.width:8.3f}{each.predicted:11.2f}'
      f'{each.measured:11.2f}{100 * each.error:+8.1f} %'
    )
  return '\n'.join(
    (
      *lines,
      f'{len(compared)} networks: Spearman {spearman(compared):.3f}, median'
      f' error {100 * median_error(compared):.1f} %',
    )
  )
