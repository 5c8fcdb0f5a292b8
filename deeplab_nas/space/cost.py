"""What a derived network costs, worked out without building it.

One list of operations answers two questions: the cost of an architecture (add
them up) and the expected cost of relaxed weights (by way of a table of all).

Reference:
  Auto-DeepLab, Table 2, https://arxiv.org/abs/1901.02985
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from deeplab_nas.space import (
  arch_weights,
  cost_table,
  derived_layers,
  expected_cost,
  latency,
  operations,
  search_space,
  widest,
  widths,
)
from deeplab_nas.space import genotype as genotype_lib

Cost = operations.Cost


@dataclasses.dataclass(frozen=True)
class CostModel:
  """Costs of a space's architectures, built as the released network is.

      model = CostModel(SearchSpace(filter_multiplier=20))
      genotype = zoo.load('auto_deeplab')
      model.of(genotype).params                             # 10147427
      model.with_filter_multiplier(48).of(genotype).params  # 44424691

  Differs from the paper, whose multiply-adds (333.25 / 460.93 / 695.03 B for
  F = 20 / 32 / 48) are 4 to 5 % above these (320.45 / 439.92 / 662.42 B at
  1025 x 2049): half of that is padding that TensorFlow 1 multiplied in atrous
  convolutions, the other half we cannot explain. The parameters agree.

  Attributes:
    space: The search space; its filter multiplier is the networks' width.
    num_classes: Channels of the logits.
    image_size: Height and width. They are padded to a multiple of the coarsest
      stride of the path plus 1, so 1025 becomes 257, 129, 65 and 33.
    separable_head: Whether the 3x3 convolutions of ASPP and decoder are split
      into depthwise and pointwise ones. The paper's are not.
    stem_filters: Filters of the stem's three convolutions.
    head_filters: Width of ASPP and decoder, see `widths.NetworkWidths`.
    aspp_rates: Atrous rates of ASPP's 3x3 convolutions, of which there may be
      any number.
    low_level_stride: Stride of the features that the decoder joins.
    latencies: Of the operations on a device, for images of this size; None
      where latency is not asked for.
  """

  space: search_space.SearchSpace = search_space.SearchSpace()
  num_classes: int = 19
  image_size: tuple[int, int] = (1025, 2049)
  separable_head: bool = False
  stem_filters: tuple[int, int, int] = widths.STEM_FILTERS
  head_filters: int = widths.HEAD_FILTERS
  aspp_rates: tuple[int, ...] = widths.ASPP_RATES
  low_level_stride: int = widths.LOW_LEVEL_STRIDE
  latencies: latency.LatencyTable | None = None

  def __post_init__(self):
    if self.num_classes < 1:
      raise ValueError(
        f'num_classes is {self.num_classes}, expected at least 1'
      )
    if len(self.image_size) != 2 or min(self.image_size) < 1:
      raise ValueError(
        f'image_size is {self.image_size}, expected (height, width)'
      )
    if self.latencies and self.latencies.image_size != tuple(self.image_size):
      raise ValueError(
        f'the latencies are of images of {self.latencies.image_size}, expected'
        f' {tuple(self.image_size)}'
      )
    if self.low_level_stride not in self.space.lattice.strides:
      raise ValueError(
        f'low_level_stride is {self.low_level_stride}, expected one of'
        f' {", ".join(map(str, self.space.lattice.strides))}'
      )
    checked = self.widths  # which are checked on construction
    object.__setattr__(self, 'stem_filters', checked.stem_filters)
    object.__setattr__(self, 'aspp_rates', tuple(self.aspp_rates))

  @property
  def widths(self) -> widths.NetworkWidths:
    """F, the stem's and the head's filters."""
    return widths.NetworkWidths(
      self.space.filter_multiplier, self.stem_filters, self.head_filters
    )

  def with_filter_multiplier(self, filter_multiplier: float) -> CostModel:
    """The same model for networks of another width."""
    space = dataclasses.replace(self.space, filter_multiplier=filter_multiplier)
    return dataclasses.replace(self, space=space)

  def with_stem_and_head(self, share: float) -> CostModel:
    """The same model for networks with a share of the filters of both."""
    narrow = self.widths.with_stem_and_head(share)
    return dataclasses.replace(
      self, stem_filters=narrow.stem_filters, head_filters=narrow.head_filters
    )

  @functools.cached_property
  def layers(self) -> derived_layers.DerivedLayers:
    """The operations of the networks."""
    return derived_layers.DerivedLayers(
      self.space,
      self.num_classes,
      tuple(self.image_size),
      self.separable_head,
      self.stem_filters,
      self.head_filters,
      self.aspp_rates,
      self.low_level_stride,
    )

  @functools.cached_property
  def tables(self) -> tuple[cost_table.CostTable, ...]:
    """The numbers that `expected` reads; see `measure_tables`."""
    return tuple(map(cost_table.build, self.layers.by_coarsest()))

  def has_network(self, genotype: genotype_lib.Genotype) -> bool:
    """Whether its path has the stride of the low-level features.

    One without it is counted as if a node of that stride fed the decoder.
    """
    level = self.space.lattice.strides.index(self.low_level_stride)
    return max(genotype.path) >= level

  def of(self, genotype: genotype_lib.Genotype) -> Cost:
    """The cost of one architecture, in integers.

    Raises:
      ValueError: If the genotype is no element of the space.
    """
    return sum(self.breakdown(genotype).values(), Cost())

  def breakdown(self, genotype: genotype_lib.Genotype) -> dict[str, Cost]:
    """The cost of each part, which add up to `of`.

    Returns:
      'stem', 'cells', 'aspp' and 'decoder', which ends with the logits.

    Raises:
      ValueError: If the genotype is no element of the space.
    """
    self.space.check(genotype)
    parts = self.layers.of(genotype)
    return {part: total(ops) for part, ops in parts.items()}

  def measure(self, genotype: genotype_lib.Genotype, name: str) -> float:
    """One number that an architecture costs.

    Args:
      genotype: The architecture.
      name: A key of `widest.MEASURES`; 'latency_ms' needs `latencies`.

    Raises:
      ValueError: If there is no such measure, the genotype is no element of
        the space, or an operation was not timed.
    """
    self.space.check(genotype)
    parts = self.layers.of(genotype)
    return widest.measure(parts, name, self.latencies)

  def latency_breakdown(
    self, genotype: genotype_lib.Genotype
  ) -> dict[str, float]:
    """Milliseconds of each part of a network for one image.

    Raises:
      ValueError: See `measure`.
    """
    widest.check('latency_ms', self.latencies)
    self.space.check(genotype)
    parts = self.layers.of(genotype)
    return {part: self.latencies.of(ops) for part, ops in parts.items()}

  def expected_latency_ms(self, weights: arch_weights.ArchWeights) -> float:
    """The mean milliseconds of architectures drawn from relaxed weights.

    Args:
      weights: See `expected`.

    Raises:
      ValueError: See `measure`; all operations of the space have to be timed.
    """
    return float(self._mean(self.measure_tables('latency_ms'), weights)[0])

  def measure_tables(self, name: str) -> tuple[cost_table.CostTable, ...]:
    """The numbers that `measure` sums, on a last axis of length 1.

    Returns:
      A table for each level that may be the coarsest of a path, finest first:
      each pads images in another way. Where they need no padding, one for all.
    """
    widest.check(name, self.latencies)
    if name == widest.LATENCY:
      return self._latency_tables
    field = name.removeprefix('cell_')
    column = [f.name for f in dataclasses.fields(Cost)].index(field)
    tables = (t.select(slice(column, column + 1)) for t in self.tables)
    return tuple(t.of_cells() if field != name else t for t in tables)

  @functools.cached_property
  def _latency_tables(self) -> tuple[cost_table.CostTable, ...]:
    needed = latency.required_operations([self.layers])
    self.latencies.of(needed)  # says what is missing
    return tuple(
      cost_table.build(layers, lambda op: (self.latencies.of([op]),))
      for layers in self.layers.by_coarsest()
    )

  def widest(
    self,
    genotype: genotype_lib.Genotype,
    budget: float,
    of: str = 'cell_macs',
  ) -> float:
    """The largest F with which a network stays within a budget.

        model.widest(genotype, 50e9, of='cell_macs')  # 18.125
        model.widest(genotype, 10e6, of='params')      # 19.875

    Exact: F is compared at every value at which a layer of the path gets
    another filter, multiples of 1 / 2**(coarsest level of the path).

    Args:
      genotype: The architecture; the space's own F does not matter.
      budget: The most that it may cost.
      of: A key of `widest.MEASURES`: 'cell_macs' (multiply-adds of the cells
        alone), 'macs', 'params', 'activation_bytes' or, with `latencies`,
        'latency_ms': then of the widths that the table covers.

    Returns:
      F, at least 1; an int where it is whole.

    Raises:
      ValueError: If even F = 1 costs more, or a value does not fit.
    """
    self.space.check(genotype)
    return widest.find(self.layers, genotype, budget, of, self.latencies)

  def expected(self, weights: arch_weights.ArchWeights) -> Cost:
    """The mean cost of architectures drawn from relaxed weights, in floats.

    The path is a Markov chain that starts at the stem and moves with the
    probabilities `weights.transition`. Every operation counts by its weight, so
    the cost is linear in `weights.op`; weights of one architecture give its
    cost.

    Args:
      weights: Arrays `op` [E, K] and `transition` [L, S, 3].

    Raises:
      ValueError: If the weights have another shape or are not finite.
    """
    return Cost(*self._mean(self.tables, weights).tolist())

  def _mean(
    self,
    tables: Sequence[cost_table.CostTable],
    weights: arch_weights.ArchWeights,
  ) -> np.ndarray:
    """[N], of all that tables measure, which are as of `measure_tables`."""
    lattice = self.space.lattice
    shape = (len(self.space.cell.edges), len(self.space.cell.primitives))
    return expected_cost.mean(
      tables,
      lattice,
      arch_weights.checked_array(weights.op, shape, 'op'),
      arch_weights.checked_array(
        weights.transition, lattice.legal.shape, 'edge'
      ),
    )


def total(ops: Iterable[operations.Operation]) -> Cost:
  """The cost of some operations together."""
  return sum(map(operations.count, ops), Cost())


def format_cost(
  model: CostModel, genotype: genotype_lib.Genotype
) -> tuple[str, str]:
  """What a network costs, and which part of it: two lines.

  10.15 M parameters, 320.45 B multiply-adds, 9.48 GB of activations
  of the multiply-adds: stem 9 %, cells 19 %, ASPP 18 %, decoder 53 %
  """
  parts = model.breakdown(genotype)
  return (
    str(sum(parts.values(), Cost())),
    f'of the multiply-adds: {format_shares(parts)}',
  )


def format_shares(parts: Mapping[str, Cost], field: str = 'macs') -> str:
  """'stem 9 %, cells 19 %, aspp 18 %, decoder 53 %' of a breakdown.

  Args:
    parts: What `CostModel.breakdown` returns.
    field: Of `Cost`.
  """
  values = {part: getattr(cost, field) for part, cost in parts.items()}
  whole = max(sum(values.values()), 1)
  return ', '.join(
    f'{"ASPP" if part == "aspp" else part} {100 * value / whole:.0f} %'
    for part, value in values.items()
  )
