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
  drawn = check.draw(timed, num, widths, SEED, genotypes, is_log=True)
  return dataclasses.replace(table, factor=fit(check.compare(drawn)))


def fit(compared: Sequence[check.Compared]) -> float:
  """The median ratio of clock to table, as geometric mean of the middle two.

  One number: a line with an offset held worse on other networks.
  """
  ratios = [math.log(each.measured / each.predicted) for each in compared]
  return math.exp(statistics.median(ratios))
