"""What a derived network costs, worked out without building it.

One table answers two questions: the cost of an architecture (look up) and the
expected cost of relaxed weights (multiply and add).

Reference:
  Auto-DeepLab, Table 2, https://arxiv.org/abs/1901.02985
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterator

import numpy as np

from deeplab_nas.space import arch_weights, cost_table, search_space
from deeplab_nas.space import genotype as genotype_lib

Cost = cost_table.Cost


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
      stride plus 1, so 1025 becomes 257, 129, 65 and 33.
    separable_head: Whether the 3x3 convolutions of ASPP and decoder are split
      into depthwise and pointwise ones. The paper's are not.
  """

  space: search_space.SearchSpace = search_space.SearchSpace()
  num_classes: int = 19
  image_size: tuple[int, int] = (1025, 2049)
  separable_head: bool = False

  def __post_init__(self):
    if self.num_classes < 1:
      raise ValueError(
        f'num_classes is {self.num_classes}, expected at least 1'
      )
    if len(self.image_size) != 2 or min(self.image_size) < 1:
      raise ValueError(
        f'image_size is {self.image_size}, expected (height, width)'
      )

  def with_filter_multiplier(self, filter_multiplier: int) -> CostModel:
    """The same model for networks of another width."""
    space = dataclasses.replace(self.space, filter_multiplier=filter_multiplier)
    return dataclasses.replace(self, space=space)

  @functools.cached_property
  def table(self) -> cost_table.CostTable:
    """The numbers that both `of` and `expected` read."""
    return cost_table.DerivedLayers(
      self.space, self.num_classes, self.image_size, self.separable_head
    ).table()

  def of(self, genotype: genotype_lib.Genotype) -> Cost:
    """The cost of one architecture, in integers.

    Raises:
      ValueError: If the genotype is no element of the space.
    """
    return sum(self.breakdown(genotype).values(), Cost())

  def breakdown(self, genotype: genotype_lib.Genotype) -> dict[str, Cost]:
    """The cost of each part: 'stem', 'cells', 'aspp', 'decoder'."""
    self.space.check(genotype)
    table = self.table
    first, last = genotype.path[0], genotype.path[-1]
    parts = {
      'stem': table.stem,
      'cells': sum(self._cells(genotype)),
      'aspp': table.aspp[last],
      'decoder': table.decoder[last] + table.low_level[first],
    }
    return {part: Cost(*map(int, numbers)) for part, numbers in parts.items()}

  def _cells(self, genotype: genotype_lib.Genotype) -> Iterator[np.ndarray]:
    """[3] for each layer."""
    cell = self.space.cell
    names = [primitive.name for primitive in cell.primitives]
    ops = [
      (cell.edge_index(*edge), names.index(primitive))
      for edge, primitive in genotype.edges()
    ]
    levels = (0, 0) + genotype.path
    for layer, nearby in enumerate(zip(levels, levels[1:], levels[2:])):
      by_op = self.table.op[nearby[1:]]  # [E, K, 3]
      yield self.table.cell[(layer,) + nearby] + sum(by_op[op] for op in ops)

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
    table = self.table
    op = arch_weights.checked_array(weights.op, table.op.shape[2:4], 'op')
    triples = self._triple_probs(weights.transition)  # [L, S, S, S]
    pairs = triples.sum((0, 1))  # [S, S], mean visits
    first, last = triples[0].sum((0, 1)), triples[-1].sum((0, 1))  # [S], [S]
    total = (
      table.stem
      + np.einsum('labc,labcm->m', triples, table.cell)
      + np.einsum('bc,ek,bcekm->m', pairs, op, table.op)
      + last @ (table.aspp + table.decoder)
      + first @ table.low_level
    )
    return Cost(*total.tolist())

  def _triple_probs(self, edge: np.ndarray) -> np.ndarray:
    """Probabilities of the levels of layers l-2, l-1 and l: [L, S, S, S]."""
    lattice = self.space.lattice
    edge = arch_weights.checked_array(edge, lattice.legal.shape, 'edge')
    # By target layer 0 .. L: probabilities to get from one level to another.
    moves = np.zeros([lattice.num_layers + 1] + [lattice.num_levels] * 2)
    moves[0, 0, 0] = 1
    for transition in lattice.edges:
      source, target = transition
      moves[target.layer, source.level, target.level] = edge[transition.index]
    probs = [np.eye(lattice.num_levels)[0]]  # of the levels of layer -1, 0, ...
    for move in moves[:-2]:
      probs.append(probs[-1] @ move)
    return np.einsum('la,lab,lbc->labc', probs, moves[:-1], moves[1:])
