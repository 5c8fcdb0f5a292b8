"""A network that begins with the weights of another one of its space.

Exact, so that the child computes what its parent does, are

- a larger F, wider stem or head: copies of channels, whose readers divide their
  weights;
- a larger window of the same operation (separable, atrous or dilated): zeros
  around the kernels;
- a convolution in the place of `none`: its last batch norm has a scale of 0;

and any of these together. Approximate is all else:

- a smaller F, narrower stem or head keep the channels of the largest scales;
- a smaller window keeps its middle;
- another source: the operation keeps its weights;
- another operation: one that convolves, in the place of a skip or a pool,
  begins as an identity behind its ReLU, which takes what is negative; in the
  place of another convolution it begins at random;
- another level of a layer: channels as for another F, windows as they are;
- a projection of H^{l-2} that appears, as it may with any other width, begins
  as an identity behind its ReLU; what one that falls away had learnt is lost.

What is inserted elsewhere has no exact counterpart here: all units of a cell
begin with a ReLU, and a layer of identity would shift the H^{l-2} of the next,
and have a block's channels alone to pass on those of all blocks.

Reference:
  Elsken et al., LEMONADE, Sec. 3.1 and 3.2, https://arxiv.org/abs/1804.09081
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from deeplab_nas.nn.network import cell as derived_cell
from deeplab_nas.nn.network import conv_norm, head_conv, morphisms, operators
from deeplab_nas.nn.network import network as network_lib
from deeplab_nas.space import derived_layers
from deeplab_nas.space import genotype as genotype_lib

# Blocks whose every order is compared; more are taken as they stand.
_MOST_BLOCKS = 7


class Alignment(NamedTuple):
  """Which of a parent's connections those of a child are.

  Attributes:
    blocks: For each block of the child, the parent's.
    terms: For each block of the child, the parent's term of its two.
  """

  blocks: tuple[int, ...]
  terms: tuple[tuple[int, int], ...]


def align(
  parent: Sequence[genotype_lib.Block], child: Sequence[genotype_lib.Block]
) -> Alignment:
  """The alignment with the most equal connections, sources and primitives.

  A genotype orders its blocks, so that one change may give all of them other
  places.

  Raises:
    ValueError: If they have different numbers of blocks.
  """
  if len(parent) != len(child):
    raise ValueError(
      f'the parent has {len(parent)} blocks and the child {len(child)}:'
      ' expected two architectures of one space'
    )
  orders = [tuple(range(len(child)))]
  if len(child) <= _MOST_BLOCKS:
    orders = itertools.permutations(range(len(child)))
  return max(
    (_aligned(parent, child, order) for order in orders),
    key=lambda scored: scored[0],
  )[1]


def inherit(
  parent: network_lib.DerivedNetwork,
  child: network_lib.DerivedNetwork,
  rng: np.random.Generator,
) -> list[str]:
  """Gives a network the weights of another one.

  Args:
    parent: Whose weights they are; stays as it is.
    child: Of as many layers and blocks, and with the same options but for the
      filters of stem and head.
    rng: Draws copies of channels and divides weights among them.

  Returns:
    What is approximate, a phrase for each; [] where the child computes what
    its parent does.

  Raises:
    ValueError: If the networks differ in what has to be the same.
  """
  alike = dataclasses.replace(
    child.options,
    stem_filters=parent.options.stem_filters,
    head_filters=parent.options.head_filters,
  )
  if (
    parent.options != alike
    or parent.num_classes != child.num_classes
    or parent.genotype.num_layers != child.genotype.num_layers
  ):
    raise ValueError(
      'a child has to have the layers, the classes and the options of its'
      ' parent'
    )
  return _Inheritance(parent, child, rng).run()


class _Inheritance:
  """One walk along both networks.

  A map, int [C'], says of a tensor of the child which channel of the parent's
  each of its channels is.
  """

  def __init__(
    self,
    parent: network_lib.DerivedNetwork,
    child: network_lib.DerivedNetwork,
    rng: np.random.Generator,
  ):
    self._parent = parent
    self._child = child
    self._rng = rng
    self._alignment = align(parent.genotype.cell, child.genotype.cell)
    self._approximate: dict[str, None] = {}

  def run(self) -> list[str]:
    parent, child = self._parent, self._child
    maps = [np.arange(derived_layers.IMAGE_CHANNELS)]
    for theirs, ours in zip(parent.stem, child.stem):
      maps.append(self._unit(theirs, ours, maps[-1], 'stem'))
    points = {'Stem': maps[-1]}
    for index, cells in enumerate(zip(parent.cells, child.cells)):
      levels = [n.genotype.path[index] for n in (parent, child)]
      if levels[0] != levels[1] or cells[0].strides != cells[1].strides:
        self._note(f'the level of layer {index + 1}')
      maps.append(self._cell(*cells, *maps[-2:]))
      points[f'Cell_{index}'] = maps[-1]
    self._head(maps[-1], points[child.low_level])
    return list(self._approximate)

  def _note(self, phrase: str) -> None:
    self._approximate[phrase] = None

  def _cell(
    self,
    parent: derived_cell.DerivedCell,
    child: derived_cell.DerivedCell,
    prev_prev: np.ndarray,
    prev: np.ndarray,
  ) -> np.ndarray:
    """The map of the cell's output, of those of its inputs."""
    states = self._states(parent, child, prev_prev)
    morphisms.inherit(parent.prev, child.prev, prev, states, self._rng)
    if child.prev_prev is not None and parent.prev_prev is not None:
      morphisms.inherit(
        parent.prev_prev, child.prev_prev, prev_prev, states, self._rng
      )
    elif child.prev_prev is not None:
      morphisms.make_identity(child.prev_prev, prev_prev, states)
      self._note('a projection of H^{l-2}')
    elif parent.prev_prev is not None:
      self._note('a projection of H^{l-2}')
    blocks, terms = self._alignment
    for index, (block, order) in enumerate(zip(blocks, terms)):
      for ours, term in enumerate(order):
        there = parent.blocks[block][term], parent.ops[block][term]
        here = child.blocks[index][ours], child.ops[index][ours]
        self._connection(there, here, states)
    return np.concatenate([block * parent.filters + states for block in blocks])

  def _states(
    self,
    parent: derived_cell.DerivedCell,
    child: derived_cell.DerivedCell,
    prev_prev: np.ndarray,
  ) -> np.ndarray:
    """The map of all states of a cell: skips and pools keep channels apart."""
    if parent.prev_prev is None and child.prev_prev is None:
      # What is read as it is has a map already.
      if len(np.unique(prev_prev)) < parent.filters:
        self._note('fewer channels')
      return prev_prev
    count, wanted = parent.filters, child.filters
    if wanted >= count:
      return morphisms.wider(count, wanted, self._rng)
    self._note('fewer channels')
    units = [op.units[-1] for ops in parent.ops for op in ops if op.units]
    return morphisms.most_important([parent.prev, *units], count, wanted)

  def _connection(
    self,
    there: tuple[genotype_lib.Connection, operators.DerivedOp],
    here: tuple[genotype_lib.Connection, operators.DerivedOp],
    states: np.ndarray,
  ) -> None:
    """Weights of an operation, by what stood in its place."""
    (their_source, _), theirs = there
    (our_source, _), ours = here
    before, after = theirs.primitive, ours.primitive
    if not before.is_none and self._source(our_source) != their_source:
      self._note('a source')
    same = before.kind == after.kind and len(theirs.units) == len(ours.units)
    if same:
      for a, b in zip(theirs.units, ours.units):
        morphisms.inherit(a, b, states, states, self._rng)
      smaller = after.kernel_size < before.kernel_size
      other_pool = not ours.units and after != before
      if after.rate != before.rate or smaller or other_pool:
        self._note(f'{after.name} for {before.name}')
      return
    if before.is_none and ours.units:
      morphisms.silence(ours.units[-1])
      return
    self._note(f'{after.name} for {before.name}')
    if before.is_parameter_free:
      for unit in ours.units:
        morphisms.make_identity(unit, states, states)

  def _source(self, name: str) -> str:
    """What the parent calls a source of the child's."""
    kind, _, number = name.rpartition('_')
    if kind != 'block':
      return name
    return f'block_{self._alignment.blocks[int(number)]}'

  def _unit(
    self,
    theirs: conv_norm.ConvNorm,
    ours: conv_norm.ConvNorm,
    given: np.ndarray,
    part: str,
  ) -> np.ndarray:
    """The map of what a convolution of a part, stem or head, makes."""
    count, wanted = theirs.filters, ours.filters
    if wanted >= count:
      made = morphisms.wider(count, wanted, self._rng)
    else:
      self._note(f'fewer channels of the {part}')
      made = morphisms.most_important([theirs], count, wanted)
    morphisms.inherit(theirs, ours, given, made, self._rng)
    return made

  def _head(self, last: np.ndarray, low_level: np.ndarray) -> None:
    """ASPP, decoder and the logits."""
    parent, child = self._parent, self._child
    if parent.low_level != child.low_level:
      self._note('the features that the decoder joins')
    branches = [parent.aspp.pooled, *parent.aspp.branches]
    made = [
      self._head_conv(theirs, ours, last)
      for theirs, ours in zip(
        branches, [child.aspp.pooled, *child.aspp.branches]
      )
    ]
    given = _joined(made, parent.aspp.filters)
    given = self._head_conv(
      parent.aspp.projection, child.aspp.projection, given
    )
    theirs, ours = parent.decoder.low_level, child.decoder.low_level
    count = theirs.units[0].convs[0].kernel.shape[2]
    # Of another layer it may have other channels.
    finer = self._head_conv(theirs, ours, low_level % count)
    given = _joined([given, finer], parent.decoder.filters)
    for theirs, ours in zip(parent.decoder.convs, child.decoder.convs):
      given = self._head_conv(theirs, ours, given)
    morphisms.inherit_last(parent.logits, child.logits, given, self._rng)

  def _head_conv(
    self,
    theirs: head_conv.HeadConv,
    ours: head_conv.HeadConv,
    given: np.ndarray,
  ) -> np.ndarray:
    """The map of its result; its first unit may be depthwise."""
    *depthwise, full = zip(theirs.units, ours.units)
    for a, b in depthwise:
      morphisms.inherit(a, b, given, given, self._rng)
    return self._unit(*full, given, 'head')


def _joined(maps: Sequence[np.ndarray], count: int) -> np.ndarray:
  """The map of a concatenation; all but the last are of `count` channels."""
  return np.concatenate([i * count + made for i, made in enumerate(maps)])


def _aligned(
  parent: Sequence[genotype_lib.Block],
  child: Sequence[genotype_lib.Block],
  order: tuple[int, ...],
) -> tuple[int, Alignment]:
  """How well an order of blocks fits, with the best order of their terms."""
  names = {f'block_{i}': f'block_{block}' for i, block in enumerate(order)}

  def score(block: int, index: int, term: int, ours: int) -> int:
    there, here = parent[block][term], child[index][ours]
    source = there.source == names.get(here.source, here.source)
    primitive = there.primitive == here.primitive
    return 3 * source + 2 * primitive + 3 * (source and primitive)

  total, terms = 0, []
  for index, block in enumerate(order):
    found = [
      (sum(score(block, index, t, ours) for ours, t in enumerate(pair)), pair)
      for pair in ((0, 1), (1, 0))
    ]
    best = max(found, key=lambda each: each[0])
    total += best[0]
    terms.append(best[1])
  return total, Alignment(order, tuple(terms))
