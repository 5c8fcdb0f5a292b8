"""Class names and colours from labels.txt, labels.json or labels.yaml.

labels.txt has one class per line, in index order, optionally with a colour:

    background
    road 128 64 128

A line may begin with its index (`0 background`) or with the colour instead.

labels.json and labels.yaml hold a list of names, a list of
{name, color, id} or a mapping from name to colour; a list may also stand under
the key `classes`. A class with `ignore: true` is the ignore label: its colour
counts in colour masks.
"""

from __future__ import annotations

import dataclasses
import json
import os
import pathlib
import re
from collections.abc import Sequence

from deeplab_nas import errors, files, safe_yaml
from deeplab_nas.data import dataset_info, label_map, palettes

FILE_NAMES = ('labels.txt', 'labels.json', 'labels.yaml', 'labels.yml')
_LIST_KEYS = ('classes', 'labels', 'names')
_COLOUR_FIRST = re.compile(r'(\d+)[\s,]+(\d+)[\s,]+(\d+)[\s,]+(\D.*)')
_INDEX_FIRST = re.compile(r'(\d+)[\s:,]+(\D.*)')
_LINE = re.compile(
  r'(?P<name>.*?)(?:[\s:,]+(?P<r>\d+)[\s,]+(?P<g>\d+)[\s,]+(?P<b>\d+))?:*'
)


@dataclasses.dataclass(frozen=True)
class Labels:
  """Classes in index order; a colour is None where the file gives none."""

  path: str
  names: tuple[str, ...]
  colors: tuple[tuple[int, int, int] | None, ...]
  ignored_colors: tuple[tuple[int, int, int], ...] = ()

  def __post_init__(self):
    seen = {}
    colours = [*zip(self.colors, self.names)]
    colours += [(colour, 'ignore') for colour in self.ignored_colors]
    for colour, name in colours:
      if colour is None:
        continue
      if len(colour) != 3 or not all(
        type(part) is int and 0 <= part <= 255 for part in colour
      ):
        raise _fault(
          self.path,
          f'the colour {list(colour)} of class {name!r} is not three'
          ' integers in 0..255',
        )
      if colour in seen:
        raise _fault(
          self.path,
          f'classes {seen[colour]!r} and {name!r} have the same colour'
          f' {list(colour)}',
        )
      seen[colour] = name
    missing = [
      name for name, colour in zip(self.names, self.colors) if colour is None
    ]
    if seen and missing:
      raise _fault(
        self.path,
        f'class {missing[0]!r} has no colour while others have: give all'
        ' classes a colour or none',
      )

  def to_info(self, name: str, ignore_label: int) -> dataset_info.DatasetInfo:
    """The dataset description; colours are chosen where the file has none."""
    palette = self.colors
    if None in palette:
      palette = palettes.distinct_palette(len(self.names))
    try:
      return dataset_info.DatasetInfo(name, self.names, palette, ignore_label)
    except errors.UserError as error:
      raise errors.UserError(f'{self.path}: {error}') from error

  def color_map(self, ignore_label: int) -> dict[tuple[int, int, int], int]:
    """Class index by colour, ignored colours too; empty without colours."""
    if None in self.colors:
      return {}
    ignored = dict.fromkeys(self.ignored_colors, ignore_label)
    return {**ignored, **{c: i for i, c in enumerate(self.colors)}}


def find(folders: Sequence[str | os.PathLike]) -> pathlib.Path:
  """The one labels file of the first of some folders that has any."""
  for folder in folders:
    paths = [pathlib.Path(folder, name) for name in FILE_NAMES]
    paths = [path for path in paths if path.is_file()]
    if len(paths) > 1:
      raise errors.UserError(
        f'{folder} has both {paths[0].name} and {paths[1].name}: keep one,'
        ' or choose with --labels=FILE.'
      )
    if paths:
      return paths[0]
  raise errors.UserError(
    f'{folders[0]} has no labels.txt, labels.json or labels.yaml: write a'
    ' labels.txt with one class name per line, in the order of the mask'
    ' values 0, 1, 2, ...'
  )


def read(path: str | os.PathLike) -> Labels:
  """Reads a labels file of any of the three kinds."""
  path = pathlib.Path(path)
  if not path.is_file():
    raise errors.UserError(f'The labels file {path} does not exist.')
  try:
    text = files.read(path, 'utf-8-sig')
    if path.suffix == '.json':
      entries = _entries(json.loads(text, object_pairs_hook=_unique), path)
    elif path.suffix in ('.yaml', '.yml'):
      entries = _entries(safe_yaml.parse(text), path)
    else:
      entries = _lines([line.strip() for line in text.splitlines()])
  except (ValueError, TypeError, RecursionError) as error:
    reason = ' '.join(str(error).split())
    raise _fault(path, f'it cannot be read ({reason})') from error
  return _labels(path, entries)


def _labels(path: pathlib.Path, entries: list[dict]) -> Labels:
  """Builds `Labels` from entries with 'name', 'color', 'id', 'ignore'."""
  ignored = [entry for entry in entries if entry.get('ignore')]
  entries = [entry for entry in entries if not entry.get('ignore')]
  for index, entry in enumerate(entries):
    name = entry.get('name')
    if not isinstance(name, str) or not name.strip():
      raise _fault(
        path, f'the name {name!r} of class {index} is no text: quote it'
      )
  ids = [entry.get('id') for entry in entries]
  if any(value is not None for value in ids):
    if sorted(ids, key=str) != sorted(range(len(ids)), key=str):
      raise _fault(
        path,
        f'the ids {ids} are not 0..{len(ids) - 1}: number the classes so, and'
        ' bring the masks into line with --map',
      )
    entries = sorted(entries, key=lambda entry: entry['id'])
  return Labels(
    str(path),
    tuple(entry['name'].strip() for entry in entries),
    tuple(entry.get('color') for entry in entries),
    tuple(entry['color'] for entry in ignored if entry.get('color')),
  )


def _lines(lines: list[str]) -> list[dict]:
  """Entries of labels.txt."""
  lines = [line for line in lines if line and not line.startswith('#')]
  numbered = [_INDEX_FIRST.fullmatch(line) for line in lines]
  if lines and all(numbered):
    return [{**_line(match[2]), 'id': int(match[1])} for match in numbered]
  return [_line(line) for line in lines]


def _line(line: str) -> dict:
  """An entry of labels.txt: a name, or a name and three numbers."""
  match = _COLOUR_FIRST.fullmatch(line)
  if match:
    *parts, name = match.groups()
    return {'name': name, 'color': tuple(map(int, parts))}
  match = _LINE.fullmatch(line)
  colour = None
  if match['r'] is not None:
    colour = tuple(int(match[channel]) for channel in 'rgb')
  return {'name': match['name'].strip(), 'color': colour}


def _entries(value, path: pathlib.Path) -> list[dict]:
  """Entries of a parsed JSON or YAML file."""
  if isinstance(value, dict):
    for key in _LIST_KEYS:
      if isinstance(value.get(key), (list, dict)):
        return _entries(value[key], path)
    if value and all(_is_index(key) for key in value):
      return [
        {**_entry(item, path), 'id': int(key)} for key, item in value.items()
      ]
    return [
      {'name': key, 'color': _colour(item, path)} for key, item in value.items()
    ]
  if isinstance(value, list):
    return [_entry(item, path) for item in value]
  raise _fault(path, 'it is neither a list of names nor a mapping')


def _entry(item, path: pathlib.Path) -> dict:
  if not isinstance(item, dict):
    return {'name': item}
  colour = item.get('color', item.get('colour', item.get('palette')))
  return {**item, 'color': _colour(colour, path)}


def _colour(value, path: pathlib.Path):
  """A colour from [r, g, b] or '#rrggbb'; None stays None."""
  if value is None:
    return None
  if isinstance(value, list):
    return tuple(value)
  if isinstance(value, str) and re.fullmatch('#[0-9a-fA-F]{6}', value):
    return label_map.parse_colour(value)
  raise _fault(path, f'{value!r} is no colour: write [r, g, b] or "#rrggbb"')


def _is_index(key) -> bool:
  if isinstance(key, str):
    return key.isascii() and key.isdigit()
  return type(key) is int


def _unique(items: list[tuple]) -> dict:
  """A dict from key-value pairs that refuses repeated keys."""
  unique = {}
  for key, item in items:
    if key in unique:
      raise ValueError(f'{key!r} occurs twice')
    unique[key] = item
  return unique


def _fault(path: str | os.PathLike, sentence: str) -> errors.UserError:
  return errors.UserError(f'{path}: {sentence}.')
