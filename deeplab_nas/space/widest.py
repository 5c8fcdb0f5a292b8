"""How wide a network may be within a budget: what makes comparisons equal."""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import math
import numbers
from collections.abc import Callable, Iterable, Mapping

from deeplab_nas.space import derived_layers, latency, operations
from deeplab_nas.space import genotype as genotype_lib


def _total(parts: Iterable[derived_layers.Operations], field: str) -> int:
  return sum(getattr(operations.count(op), field) for p in parts for op in p)


def _measure(field: str) -> Callable:
  return lambda parts: _total(parts.values(), field)


# Needs a table of latencies.
LATENCY = 'latency_ms'
# What is counted, by name: operations by part -> cost.
MEASURES = {
  'cell_macs': lambda parts: _total([parts['cells']], 'macs'),
  'macs': _measure('macs'),
  'params': _measure('params'),
  'activation_bytes': _measure('activation_bytes'),
}
# What each counts, as a sentence says it.
WORDS = {
  LATENCY: 'ms',
  'cell_macs': 'multiply-adds in cells',
  'macs': 'multiply-adds',
  'params': 'parameters',
  'activation_bytes': 'bytes of activations',
}


def check(name: str, latencies: latency.LatencyTable | None = None) -> None:
  """Raises a ValueError if there is no such measure."""
  if name == LATENCY:
    if latencies is None:
      raise ValueError(f'{LATENCY} needs a table of latencies')
  elif name not in MEASURES:
    raise ValueError(f'no budget of {name!r}; expected {", ".join(MEASURES)}')


def measure(
  parts: Mapping[str, derived_layers.Operations],
  name: str,
  latencies: latency.LatencyTable | None = None,
) -> float:
  """What the operations of a network, by part, cost by one measure."""
  check(name, latencies)
  if name == LATENCY:
    return latencies.of(itertools.chain(*parts.values()))
  return MEASURES[name](parts)


def find(
  layers: derived_layers.DerivedLayers,
  genotype: genotype_lib.Genotype,
  budget: float,
  of: str,
  latencies: latency.LatencyTable | None = None,
) -> float:
  """The largest F within a budget; see `CostModel.widest`.

  A projection of H^{l-2} that falls away where its channels are those of a
  block makes some wider networks cheaper than narrower ones. So the end of the
  search is found by the cost without such projections, which never falls, and
  from there F goes down to the first one that fits.
  """
  check(of, latencies)
  if not isinstance(budget, numbers.Real) or not math.isfinite(budget):
    raise ValueError(f'budget is {budget}, expected a finite number')
  if of == LATENCY:
    return _widest_timed(layers, genotype, budget, latencies)
  steps = 2 ** max(genotype.path)  # F is a multiple of 1 / steps

  def cost(numerator: int, projections: bool | None = None) -> int:
    wide = dataclasses.replace(layers, prev_prev_projections=projections)
    return MEASURES[of](_parts(wide, genotype, numerator))

  last = _last(lambda n: cost(n, False) <= budget, steps)
  for numerator in range(last, steps - 1, -1):
    if cost(numerator) <= budget:
      return _fraction(numerator, steps)
  raise ValueError(
    f'no width has at most {budget:,.0f} {WORDS[of]}: F = 1 needs'
    f' {cost(steps):,.0f}'
  )


def _parts(
  layers: derived_layers.DerivedLayers,
  genotype: genotype_lib.Genotype,
  numerator: int,
) -> dict[str, derived_layers.Operations]:
  """The operations of a network whose coarsest blocks have so many filters."""
  width = _fraction(numerator, 2 ** max(genotype.path))
  space = dataclasses.replace(layers.space, filter_multiplier=width)
  return dataclasses.replace(layers, space=space).of(genotype)


def _widest_timed(
  layers: derived_layers.DerivedLayers,
  genotype: genotype_lib.Genotype,
  budget: float,
  latencies: latency.LatencyTable,
) -> float:
  """The largest F, of the widths that the table covers, within a budget.

  Times may fall as a network gets wider: from the widest down, the first one
  that fits.
  """
  steps = 2 ** max(genotype.path)
  coarsest = layers.below(max(genotype.path)).size(4 * steps)
  # Every layer ends in a concatenation of its blocks.
  filters = {
    op.in_channels
    for op in latencies.milliseconds
    if op.kind == 'concat' and (op.height, op.width) == coarsest
  }
  covered = range(max(min(filters), steps), max(filters) + 1) if filters else ()
  timed = {}
  for numerator in reversed(covered):
    with contextlib.suppress(latency.UntimedError):
      parts = _parts(layers, genotype, numerator)
      timed[numerator] = latencies.of(itertools.chain(*parts.values()))
      if timed[numerator] <= budget:
        return _fraction(numerator, steps)
  if not timed:
    raise ValueError(
      'the latency table times no width of this architecture: measure some'
    )
  least = min(timed, key=timed.get)
  raise ValueError(
    f'no width that was timed takes at most {budget:,.4g} ms:'
    f' F = {_fraction(least, steps)} takes {timed[least]:,.4g}'
  )


def _fraction(numerator: int, denominator: int) -> float:
  """An int where it is whole."""
  whole, rest = divmod(numerator, denominator)
  return whole + rest / denominator if rest else whole


def _last(fits: Callable[[int], bool], first: int) -> int:
  """The last number that fits, where all before it do; `first` - 1 if none."""
  good, bad = first - 1, first
  while fits(bad):
    good, bad = bad, 2 * bad
  while bad - good > 1:
    middle = (good + bad) // 2
    good, bad = (middle, bad) if fits(middle) else (good, middle)
  return good
