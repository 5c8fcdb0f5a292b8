"""What a table of latencies lacks on whole networks: one factor.

Operations that are timed one after another are not a network: it has other
gaps, another cache, and with several threads some of them at once. Some random
networks on the clock say by how much the sums are off.
"""

from __future__ import annotations

import dataclasses
import math
import statistics
from collections.abc import Sequence

from deeplab_nas.space import cost, latency
from deeplab_nas.space import genotype as genotype_lib
from deeplab_nas.timing import check

# Draws other networks than any seed of `check.draw` that is a small number.
SEED = (18, 8)


def calibrate(
  table: latency.LatencyTable,
  model: cost.CostModel,
  num: int,
  widths: tuple[float, float],
  genotypes: Sequence[genotype_lib.Genotype] | None = None,
) -> latency.LatencyTable:
  """The table with the factor that fits some random networks.

  Args:
    table: Its factor does not matter.
    model: Gives space, head, classes and image size.
    num: How many networks.
    widths: Least and largest F, between which log F is uniform.
    genotypes: Where the architectures are from; None for the whole space.

  Raises:
    ValueError: If the table lacks an operation of one, or none can be built.
  """
  plain = dataclasses.replace(table, factor=1.0)
  timed = dataclasses.replace(model, latencies=plain)
  drawn = draw(timed, num, widths, genotypes)
  return dataclasses.replace(table, factor=fit(check.compare(drawn)))


def draw(
  model: cost.CostModel,
  num: int,
  widths: tuple[float, float],
  genotypes: Sequence[genotype_lib.Genotype] | None = None,
) -> list[tuple[cost.CostModel, genotype_lib.Genotype]]:
  """The networks that `calibrate` times; see there."""
  return check.draw(model, num, widths, SEED, genotypes, is_log=True)


def fit(compared: Sequence[check.Compared]) -> float:
  """The median ratio of clock to table, as geometric mean of the middle two.

  One number: a line with an offset held worse on other networks.
  """
  ratios = [math.log(each.measured / each.predicted) for each in compared]
  return math.exp(statistics.median(ratios))


def describe_level(
  compared: Sequence[check.Compared], others: Sequence[check.Compared]
) -> str:
  """A line: what is left of the errors when the level is that of `others`.

  A processor is now faster and now slower, by a tenth and more. Networks that
  were timed in turn with those compared tell this from a table that is wrong.
  """
  level = fit(others)
  leveled = [
    dataclasses.replace(each, predicted=level * each.predicted)
    for each in compared
  ]
  return (
    f'{len(others)} other networks take {level:.3f} times what the table says'
    f' now; with that, median error {100 * check.median_error(leveled):.1f} %'
  )
