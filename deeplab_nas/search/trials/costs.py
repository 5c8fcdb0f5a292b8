"""What the network of a trial costs; needs no TensorFlow."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterable

from deeplab_nas import errors
from deeplab_nas.config import config as config_lib
from deeplab_nas.space import cost, latency, search_space, widest
from deeplab_nas.space import genotype as genotype_lib


def latencies(config: config_lib.Config) -> latency.LatencyTable | None:
  """The table of `search.latency_table`; None if there is none.

  Raises:
    UserError: If it is of another machine, or no table.
  """
  path = config.search.latency_table
  return latency.load(path) if path else None


def timed(
  config: config_lib.Config,
  space: search_space.SearchSpace,
  num_classes: int,
  table: latency.LatencyTable,
) -> cost.CostModel:
  """Counts for images of the table's size, in milliseconds too."""
  model = config.network.cost_model(space, num_classes, table.image_size)
  return dataclasses.replace(model, latencies=table)


def of(
  config: config_lib.Config,
  genotype: genotype_lib.Genotype,
  num_classes: int,
  table: latency.LatencyTable | None = None,
) -> dict[str, float]:
  """Every cost by name.

  Args:
    config: Of the trial: its width and its crops.
    genotype: The architecture.
    num_classes: Of the data.
    table: Of latencies on this machine, for images of its own size.

  Returns:
    'filter_multiplier'; 'params', 'macs', the macs of each part as
    'stem_macs' and so on, 'cell_macs', 'activation_bytes' and 'activation_mb'
    for an image of the training's crop; and 'latency_ms' where the table covers
    the network.
  """
  space = search_space.SearchSpace.containing(genotype)
  model = config.network.cost_model(space, num_classes, config.data.crop_size)
  parts = model.breakdown(genotype)
  total = sum(parts.values(), cost.Cost())
  found = {
    'filter_multiplier': float(config.network.filter_multiplier),
    'params': total.params,
    'macs': total.macs,
    **{f'{part}_macs': each.macs for part, each in parts.items()},
    'cell_macs': parts['cells'].macs,  # as budgets name it
    'activation_bytes': total.activation_bytes,
    'activation_mb': total.activation_bytes / 1e6,
  }
  if table is not None:
    with contextlib.suppress(latency.UntimedError):
      model = timed(config, space, num_classes, table)
      found[widest.LATENCY] = model.measure(genotype, widest.LATENCY)
  return found


def check_covers(
  model: cost.CostModel,
  networks: Iterable[tuple[genotype_lib.Genotype, float]],
) -> None:
  """Refuses a table that was measured for other widths.

  Args:
    model: With the table.
    networks: Architectures and their filter multipliers.

  Raises:
    UserError: If one is not covered.
  """
  networks = list(networks)
  for genotype, width in networks:
    try:
      model.with_filter_multiplier(width).measure(genotype, widest.LATENCY)
    except latency.UntimedError as error:
      low, high = (f(w for _, w in networks) for f in (min, max))
      raise errors.UserError(
        f'Trials have widths of F = {low:g} to {high:g}, and {error}:'
        f' --widths={low:g},{high:g} adds what is missing.'
      ) from error
