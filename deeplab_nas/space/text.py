"""An architecture as text: its path in the lattice, and its blocks."""

from __future__ import annotations

from collections.abc import Sequence

# Rows that a picture has at least: the strides of the paper's lattice.
_NUM_LEVELS = 4


def format_genotype(
  path: Sequence[int], cell: Sequence[Sequence[tuple[str, str]]]
) -> str:
  """The path as a picture of the lattice, and one line for each block.

  A row is a stride, a column a layer, `o` is on the path.

  Args:
    path: Level of each layer.
    cell: Blocks of two connections, (source, primitive).
  """
  rows = [
    ' '.join([f'{4 * 2**level:3d}'] + ['.o'[level == at] for at in path])
    for level in range(max(_NUM_LEVELS, max(path) + 1))
  ]
  blocks = [
    f'block_{index} = '
    + ' + '.join(f'{primitive}({source})' for source, primitive in block)
    for index, block in enumerate(cell)
  ]
  return '\n'.join(rows + blocks)
