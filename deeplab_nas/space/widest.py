"""How wide a network may be within a budget: what makes comparisons equal."""

from __future__ import annotations

import dataclasses
import math
import numbers
from collections.abc import Callable, Iterable, Mapping

from deeplab_nas.space import derived_layers, operations
from deeplab_nas.space import genotype as genotype_lib


def _total(parts: Iterable[derived_layers.Operations], field: str) -> int:
  return sum(getattr(operations.count(op), field) for p in parts for op in p)


def _measure(field: str) -> Callable:
  return lambda parts: _total(parts.values(), field)


# By name: operations by part -> cost.
MEASURES = {
  'cell_macs': lambda parts: _total([parts['cells']], 'macs'),
  'macs': _measure('macs'),
  'params': _measure('params'),
  'activation_bytes': _measure('activation_bytes'),
}


def check(name: str) -> None:
  """Raises a ValueError if there is no such measure."""
  if name not in MEASURES:
    raise ValueError(f'no budget of {name!r}; expected {", ".join(MEASURES)}')


def measure(parts: Mapping[str, derived_layers.Operations], name: str) -> float:
  """What the operations of a network, by part, cost by one measure."""
  check(name)
  return MEASURES[name](parts)


def find(
  layers: derived_layers.DerivedLayers,
  genotype: genotype_lib.Genotype,
  budget: float,
  of: str,
) -> float:
  """The largest F within a budget; see `CostModel.widest`.

  A projection of H^{l-2} that falls away where its channels are those of a
  block makes some wider networks cheaper than narrower ones. So the end of the
  search is found by the cost without such projections, which never falls, and
  from there F goes down to the first one that fits.
  """
  check(of)
  if not isinstance(budget, numbers.Real) or not math.isfinite(budget):
    raise ValueError(f'budget is {budget}, expected a finite number')
  steps = 2 ** max(genotype.path)  # F is a multiple of 1 / steps

  def cost(numerator: int, projections: bool | None = None) -> int:
    space = dataclasses.replace(
      layers.space, filter_multiplier=_fraction(numerator, steps)
    )
    wide = dataclasses.replace(
      layers, space=space, prev_prev_projections=projections
    )
    return MEASURES[of](wide.of(genotype))

  last = _last(lambda n: cost(n, False) <= budget, steps)
  for numerator in range(last, steps - 1, -1):
    if cost(numerator) <= budget:
      return _fraction(numerator, steps)
  raise ValueError(
    f'no width has {of} of at most {budget:,.0f}: F = 1 needs'
    f' {cost(steps):,.0f}'
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
