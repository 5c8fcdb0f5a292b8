"""The state of an architecture in a search, and the numbers that sum it up."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable

import numpy as np

from deeplab_nas.report import arch_evidence
from deeplab_nas.space import (
  arch_weights,
  genotype,
  primitives,
  search_space,
)

_POOLS = ('max_pool', 'avg_pool')


@dataclasses.dataclass(frozen=True)
class CostState:
  """How a search stands to its budget.

  Attributes:
    measure: What is limited, a key of `widest.WORDS`.
    budget: The most that the architecture may cost.
    expected: The mean of the architectures that the weights stand for.
    found: Of the architecture.
    multiplier: How hard the loss is pulled to less cost; below 0, to more.
    unlimited: What would have been read off without the budget.
    unlimited_cost: Of that one.
    filter_multiplier: F of the networks that were counted.
    image_size: Height and width of their images.
  """

  measure: str
  budget: float
  expected: float
  found: float
  multiplier: float
  unlimited: genotype.Genotype
  unlimited_cost: float
  filter_multiplier: float
  image_size: tuple[int, int]

  def numbers(self) -> dict[str, float]:
    """Every scalar of an epoch by its name."""
    return {
      'expected_cost': self.expected,
      'found_cost': self.found,
      'cost_multiplier': self.multiplier,
    }


@dataclasses.dataclass(frozen=True)
class ArchState:
  """One moment of a search.

  Attributes:
    space: The search space.
    weights: Arrays `op` [E, K] and `transition` [L, S, 3].
    genotype: What they decode to.
    evidence: Of what was learnt, and what is noise; None if not measured.
    cost: How it stands to the search's budget; None without one.
  """

  space: search_space.SearchSpace
  weights: arch_weights.ArchWeights
  genotype: genotype.Genotype
  evidence: arch_evidence.Evidence | None = None
  cost: CostState | None = None

  @property
  def alpha_entropy(self) -> float:
    """Mean over the cell's edges, in nats; log K at the start of a search."""
    op = self.weights.op
    # With partial channels, rows sum to the weight of their edge.
    totals = op.sum(-1, keepdims=True)
    probs = np.divide(op, totals, out=np.zeros_like(op), where=totals > 0)
    return float(arch_weights.entropy(probs).mean())

  @property
  def gamma_entropy(self) -> float:
    """Mean over the cell's blocks, in nats: of the edges into each."""
    cell = self.space.cell
    starts = [cell.edge_index(0, block) for block in range(cell.num_blocks)]
    by_block = np.split(self.weights.op.sum(-1), starts[1:])
    return float(np.mean([arch_weights.entropy(x) for x in by_block]))

  @property
  def beta_entropy(self) -> float:
    """Mean over the lattice's nodes that can be left, in nats."""
    exists = self.space.lattice.legal.any(-1)  # [L, S]
    return float(arch_weights.entropy(self.weights.transition)[exists].mean())

  @property
  def alpha_decided(self) -> float:
    """1 - H / log K: 0 at the start of a search, 1 when all are decided."""
    num_operations = self.weights.op.shape[-1]
    return 1 - self.alpha_entropy / math.log(max(num_operations, 2))

  @property
  def beta_decided(self) -> float:
    """The same, 1 - H / log(exits) in the mean over nodes with several."""
    exits = self.space.lattice.legal.sum(-1)  # [L, S]
    entropy = arch_weights.entropy(self.weights.transition)
    several = exits > 1
    if not several.any():
      return 1.0
    return float((1 - entropy[several] / np.log(exits[several])).mean())

  @property
  def skip_share(self) -> float:
    """Share of the genotype's connections that compute nothing."""
    return self._share('skip')

  @property
  def pool_share(self) -> float:
    """Share of the genotype's connections that pool."""
    return self._share(*_POOLS)

  def numbers(self) -> dict[str, float]:
    """Every scalar by its name; of gamma where there is one."""
    names = ['alpha_entropy', 'beta_entropy', 'alpha_decided', 'beta_decided']
    names += ['skip_share', 'pool_share']
    if self.space.partial_channels > 1:
      names.append('gamma_entropy')
    numbers = {name: getattr(self, name) for name in names}
    for part in (self.evidence, self.cost):
      numbers.update(part.numbers() if part else {})
    return numbers

  def _share(self, *kinds: str) -> float:
    chosen = [name for _, name in self.genotype.edges()]
    return sum(primitives.BY_NAME[name].kind in kinds for name in chosen) / len(
      chosen
    )


# Gives the state as it is now, such as `Searcher.arch_state`.
ReadArch = Callable[[], ArchState]
