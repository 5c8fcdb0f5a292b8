"""A found architecture: a frozen, hashable, canonical value.

Reference:
  Auto-DeepLab, Sec. 3, https://arxiv.org/abs/1901.02985
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import importlib
import io
import json
import numbers
import os
import re
import reprlib
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from deeplab_nas import files, paths, safe_json
from deeplab_nas.space import canonical, cell_space, text
from deeplab_nas.space import primitives as primitives_lib

VERSION = 1
FILE_NAME = 'genotype.json'  # in the folder of a run
# Where an export has it, in the folder of each version.
_ASSETS, _VERSION = 'assets', re.compile('[0-9]+')
# Far from any network that could be built.
MAX_LAYERS = 500
MAX_LEVEL = 9


class GenotypeError(ValueError):
  """Values that make no network: says which field, and what was given."""


class Connection(NamedTuple):
  """One of the two terms of a block.

  Attributes:
    source: 'prev' (H^{l-1}), 'prev_prev' (H^{l-2}), 'block_0', 'block_1', ...
    primitive: Name of the primitive that is applied to the source.
  """

  source: str
  primitive: str


Block = tuple[Connection, Connection]


@dataclasses.dataclass(frozen=True)
class Genotype:
  """A path through the lattice and the cell that all its layers share.

  Equal networks are equal values: neither the order of a block's two terms nor
  the order of the blocks changes the function (up to a permutation of
  channels), so both are brought into one canonical order on construction.
  Blocks come in order of their depth in the graph.

      genotype = Genotype(
        path=(0, 1, 1),
        cell=(
          (('prev', 'sep_conv_3x3'), ('prev_prev', 'skip_connect')),
          (('block_0', 'atrous_conv_3x3'), ('prev', 'max_pool_3x3')),
        ),
      )
      genotype.save('genotype.json')

  Attributes:
    path: Level of each layer 1 .. L; level s has stride 4 * 2**s.
    cell: The blocks, each a pair of connections.

  Raises:
    GenotypeError: If the values make no network; the message names the field.
  """

  path: tuple[int, ...]
  cell: tuple[Block, ...]

  def __post_init__(self):
    path = _checked_path(self.path)
    cell = tuple(
      tuple(Connection(*term) for term in block)
      for block in canonical.cell_order(_checked_cell(self.cell))
    )
    object.__setattr__(self, 'path', path)
    object.__setattr__(self, 'cell', cell)

  @property
  def num_layers(self) -> int:
    return len(self.path)

  @property
  def num_blocks(self) -> int:
    return len(self.cell)

  def edges(self) -> Iterator[tuple[cell_space.CellEdge, str]]:
    """Every connection of the cell as (edge, name of its primitive)."""
    names = cell_space.source_names(self.num_blocks)
    for block, connections in enumerate(self.cell):
      for source, primitive in connections:
        yield cell_space.CellEdge(names.index(source), block), primitive

  def to_json(self) -> str:
    """Text of a genotype file; equal genotypes give equal text."""
    rows = ',\n          '.join(json.dumps(block) for block in self.cell)
    return (
      f'{{"version": {VERSION},\n'
      f' "path": {json.dumps(self.path)},\n'
      f' "cell": [{rows}]}}\n'
    )

  @classmethod
  def from_json(cls, content: str) -> Genotype:
    """Reads what `to_json` wrote, or what a person did.

    Raises:
      GenotypeError: If the text is no genotype; the message names the field.
    """
    try:
      record = safe_json.parse(content, object_pairs_hook=_unique)
    except (TypeError, ValueError) as error:
      raise GenotypeError(f'a genotype has to be JSON: {error}') from error
    if not isinstance(record, dict):
      raise GenotypeError(
        'a genotype has to be a JSON object with "version", "path" and "cell"; '
        f'this is a {type(record).__name__}'
      )
    unknown = sorted(set(record) - {'version', 'path', 'cell'})
    if unknown:
      raise GenotypeError(f'a genotype has no field {_shown(unknown[0])}')
    for field in ('version', 'path', 'cell'):
      if field not in record:
        raise GenotypeError(f'a genotype needs the field "{field}"')
    version = record['version']
    if not _is_integer(version) or version != VERSION:
      is_newer = _is_integer(version) and version > VERSION
      raise GenotypeError(
        f'"version" is {_shown(version)}; this release reads version {VERSION}'
        f'{", a newer one may read it" if is_newer else ""}'
      )
    return cls(record['path'], record['cell'])

  def save(self, path: str | os.PathLike[str]) -> None:
    """Writes a genotype file; it is there whole or not at all.

    Raises:
      ValueError: If the path is an address; `~` is home.
    """
    files.write(paths.expand(os.fspath(path)), self.to_json())

  @classmethod
  def load(cls, path: str | os.PathLike[str]) -> Genotype:
    """Reads a genotype file, or the one in the folder of a run or an export.

    Of the folder that holds the versions of an export, the newest is meant.

    Raises:
      GenotypeError: If the file is missing or holds no genotype; the message
        starts with the path.
    """
    try:
      file = paths.expand(os.fspath(path))
      if os.path.isdir(file):
        path = file = _file_in(file)
      return cls.from_json(files.read(file))
    except (OSError, ValueError) as error:
      reason = getattr(error, 'strerror', None) or error
      raise GenotypeError(f'{os.fspath(path)}: {reason}') from error

  @functools.cached_property
  def digest(self) -> str:
    """Twelve hexadecimal digits that stand for this architecture."""
    return hashlib.sha256(self.to_json().encode()).hexdigest()[:12]

  def _repr_png_(self) -> bytes:
    """The picture that a notebook shows."""
    # Drawing knows genotypes; what a genotype is does not depend on it.
    draw = importlib.import_module('deeplab_nas.space.draw')
    picture = io.BytesIO()
    draw.save_picture(self, picture)
    return picture.getvalue()

  def __str__(self) -> str:
    return text.format_genotype(self.path, self.cell)


def _file_in(folder: str) -> str:
  """The genotype file in the folder of a run, or of an export."""
  versions = [name for name in os.listdir(folder) if _VERSION.fullmatch(name)]
  places = ('', _ASSETS) + tuple(
    os.path.join(name, _ASSETS)
    for name in sorted(versions, key=int, reverse=True)
  )
  files_in = [os.path.join(folder, place, FILE_NAME) for place in places]
  return next(filter(os.path.isfile, files_in), files_in[0])


def _shown(value: Any) -> str:
  """A value in an error message: short, however long or deep it is."""
  try:
    return reprlib.repr(value)
  except (ValueError, RecursionError):  # an integer of thousands of digits
    return f'a {type(value).__name__}'


def _is_integer(value: Any) -> bool:
  return isinstance(value, numbers.Integral) and not isinstance(value, bool)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
  """A JSON object without repeated fields, one of which would be lost."""
  record = dict(pairs)
  if len(record) < len(pairs):
    raise ValueError(f'a field occurs twice among {[key for key, _ in pairs]}')
  return record


def _checked_path(path: Any) -> tuple[int, ...]:
  if isinstance(path, (str, bytes, dict)) or not isinstance(path, Iterable):
    raise GenotypeError(f'"path" is {_shown(path)}, expected a list of levels')
  path = tuple(path)
  if not path:
    raise GenotypeError('"path" is empty, expected one level for each layer')
  if len(path) > MAX_LAYERS:
    raise GenotypeError(
      f'"path" has {len(path)} layers, expected at most {MAX_LAYERS}'
    )
  previous = 0
  for layer, level in enumerate(path, start=1):
    if not _is_integer(level):
      raise GenotypeError(
        f'"path" has {_shown(level)} in layer {layer}, expected a level'
      )
    if level < 0 or abs(level - previous) > 1:
      raise GenotypeError(
        f'"path" goes from level {previous} to {_shown(level)} in layer '
        f'{layer}; a path starts at level 0, stays at or above it, and moves '
        'by one at the most'
      )
    if level > MAX_LEVEL:
      raise GenotypeError(
        f'"path" has level {level} in layer {layer}, expected at most'
        f' {MAX_LEVEL}'
      )
    previous = level
  return tuple(map(int, path))


def _checked_cell(cell: Any) -> tuple[Block, ...]:
  if isinstance(cell, (str, bytes, dict)) or not isinstance(cell, Iterable):
    raise GenotypeError(f'"cell" is {_shown(cell)}, expected a list of blocks')
  blocks = tuple(cell)
  if not 1 <= len(blocks) <= cell_space.MAX_BLOCKS:
    raise GenotypeError(
      f'"cell" has {len(blocks)} blocks, expected 1 to {cell_space.MAX_BLOCKS}'
    )
  return tuple(_checked_block(i, block) for i, block in enumerate(blocks))


def _checked_block(index: int, block: Any) -> Block:
  where = f'"cell" block {index}'
  if not isinstance(block, (list, tuple)) or len(block) != 2:
    raise GenotypeError(f'{where} is {_shown(block)}, expected two connections')
  return tuple(_checked_connection(where, index, term) for term in block)


def _checked_connection(where: str, index: int, connection: Any) -> Connection:
  if not isinstance(connection, (list, tuple)) or len(connection) != 2:
    raise GenotypeError(
      f'{where} has {_shown(connection)}, expected [source, primitive]'
    )
  source, primitive = connection
  sources = cell_space.source_names(index)
  if not isinstance(source, str) or source not in sources:
    raise GenotypeError(
      f'{where} reads {_shown(source)}; it may read {", ".join(sources)}'
    )
  if not isinstance(primitive, str) or primitive not in primitives_lib.BY_NAME:
    raise GenotypeError(
      f'{where} has the primitive {_shown(primitive)}; known are '
      f'{", ".join(primitives_lib.BY_NAME)}'
    )
  return Connection(str(source), str(primitive))
