"""The one order of blocks and terms that stands for all equal cells."""

from __future__ import annotations

import functools
from collections.abc import Sequence

from deeplab_nas.space import cell_space

Terms = tuple[tuple[str, str], tuple[str, str]]


@functools.lru_cache(maxsize=1 << 14)  # strategies draw the same ones again
def cell_order(cell: tuple[Terms, ...]) -> tuple[Terms, ...]:
  """The same cell in its canonical order.

  Blocks are sorted by depth, then by their terms, the last term first. Blocks
  that compute the same may still be told apart by who reads them: then each of
  those comes first once, and the smallest outcome is taken.
  """
  keys, _ = _smallest(cell)
  return tuple(tuple(reversed(terms)) for _, terms in keys)


def block_order(cell: tuple[Terms, ...]) -> tuple[int, ...]:
  """For each block of the canonical order, which one of the cell it is."""
  return _smallest(cell)[1]


def _smallest(cell: tuple[Terms, ...]) -> tuple[tuple, tuple[int, ...]]:
  """Keys of the blocks in their canonical order, and this order."""
  names = cell_space.source_names(len(cell))

  def extend(order: tuple[int, ...]) -> tuple:
    if len(order) == len(cell):
      return tuple(key(block, order) for block in order), order
    keys = {
      block: key(block, order)
      for block in range(len(cell))
      if block not in order and is_ready(block, order)
    }
    first = min(keys.values())
    ties = {readers(block): block for block in keys if keys[block] == first}
    return min(extend(order + (block,)) for block in ties.values())

  def is_ready(block: int, order: tuple[int, ...]) -> bool:
    return all(
      names.index(source) - 2 in order
      for source, _ in cell[block]
      if source.startswith('block_')
    )

  def readers(block: int) -> tuple:
    return tuple(
      (reader, primitive)
      for reader, terms in enumerate(cell)
      for source, primitive in terms
      if source == f'block_{block}'
    )

  @functools.cache
  def depth(block: int) -> int:
    sources = [names.index(source) - 2 for source, _ in cell[block]]
    return 1 + max(depth(source) if source >= 0 else 0 for source in sources)

  def key(block: int, order: tuple[int, ...]) -> tuple:
    terms = sorted(
      (_renamed(source, names, order), primitive)
      for source, primitive in cell[block]
    )
    return depth(block), tuple(reversed(terms))

  return extend(())


def _renamed(source: str, names: Sequence[str], order: tuple[int, ...]) -> str:
  """Name of a source after the blocks are put into the given order."""
  index = names.index(source) - 2
  return source if index < 0 else f'block_{order.index(index)}'
