"""Classes from text files: the lines that labelling programs and people write.

    sky                      red 255 0 0           0 sky
    _background_             255;0;0;red           1: road
    "traffic light"          red, #ff0000          255 void

and tables with a head, such as Roboflow's `_classes.csv` (`Pixel Value,
Class`), `name,r,g,b` and ADE20K's `objectInfo150.txt`; CVAT's `labelmap.txt`. A
line that is none of these is refused: as a name it would shift all classes.
"""

from __future__ import annotations

import csv
import re
from typing import Any

_GAP = r'[\s,;:|=]+'
_HEX = re.compile(
  r'(?:#|0[xX])(?:([0-9a-fA-F]{6})(?:[fF]{2})?|([0-9a-fA-F]{3}))(?!\w)',
  re.ASCII,
)
_RGB = re.compile(
  rf'(?:rgb)?\s*[(\[]?\s*(\d{{1,3}}){_GAP}(\d{{1,3}}){_GAP}(\d{{1,3}})'
  rf'\s*[)\]]?',
  re.ASCII,
)
_COLOUR = rf'(?:{_HEX.pattern}|{_RGB.pattern})'
_COLOUR_FIRST = re.compile(
  rf'(?P<colour>{_COLOUR}){_GAP}(?P<name>\D.*)', re.ASCII
)
# What may follow is an opacity, or the parts and actions of CVAT.
_COLOUR_LAST = re.compile(
  rf'(?P<name>.*?\S){_GAP}(?P<colour>{_COLOUR})(?:{_GAP}255)?'
  r'(?:\s*[;,]?|:[^:]*:[^:]*)',
  re.ASCII,
)
_CVAT_BARE = re.compile(r'([^:]+)::[^:]*:[^:]*')
_CVAT_HEAD = re.compile(r'#\s*label\s*:\s*color', re.IGNORECASE)
_INDEX_FIRST = re.compile(
  r'(-?\d+)(?:\s*[,;:|=.)]\s*|\s+-\s+|\s+)([^\d\s].*)', re.ASCII
)
_INDEX_LAST = re.compile(r'(\D.*?)\s*[\s,;:|=]\s*(-?\d+)', re.ASCII)
# `70 130 180 255`, as colour tables of medical programs have it.
_FOUR_LAST = re.compile(
  rf'(?P<rest>.*\S(?:{_GAP}\d{{1,3}}){{3}}){_GAP}(?:0|255)', re.ASCII
)
_INDEX_THEN_COLOUR = re.compile(
  rf'(?P<name>\D.*?){_GAP}(?P<id>\d+){_GAP}(?P<colour>{_COLOUR})', re.ASCII
)
_REMARK = re.compile(r'\s+#\s.*')  # not `red #ff0000` nor `lane #2`
# Remains of columns that were not understood; a name in front of another; a
# colour without #; rules of tables and remarks of programs.
_ODD = re.compile(
  r'\t|#[0-9a-fA-F]{3,8}\b|[<>{}]|\d\s*[,;|\s]\s*\d|:\s+\w+$'
  r'|\s(?=[a-fA-F]*\d)[0-9a-fA-F]{6}$|^(?:\||//|/\*|[-=]+$)',
  re.ASCII,
)
_HEADS = {
  'name': ('name', 'names', 'class', 'classname', 'label', 'category'),
  'id': (
    'id',
    'idx',
    'index',
    'pixelvalue',
    'value',
    'pixel',
    'classid',
    'labelid',
    'grey',
    'gray',
  ),
  'color': ('color', 'colour', 'hex', 'rgb', 'hexcolor', 'colorrgb', 'palette'),
  'r': ('r', 'red'),
  'g': ('g', 'green'),
  'b': ('b', 'blue'),
}
_HEAD_OF = {word: head for head, words in _HEADS.items() for word in words}
_BULLETS = ('- ', '* ')
IGNORED_IDS = (-1, 255)


def parse(text: str) -> list[dict[str, Any]]:
  """Entries with 'name', and where they are given 'color', 'id' and 'ignore'.

  Raises:
    ValueError: If a line is not understood; quotes it.
  """
  lines = [line.strip() for line in text.splitlines()]
  if all(line.startswith(_BULLETS) for line in lines if line):
    lines = [line[2:] for line in lines]
  is_cvat = any(map(_CVAT_HEAD.match, lines))
  lines = [line for line in lines if line and not _is_comment(line)]
  lines = [_REMARK.sub('', line) for line in lines]
  if is_cvat:
    return [_cvat(line) for line in lines]
  table = _table(lines)
  if table is not None:
    return table
  if len(lines) == 1 and re.search('[,;]', lines[0]):
    raise ValueError(f'it has one line, {lines[0]!r}: write one name per line')
  if lines and _is_head(lines[0]):
    lines = lines[1:]
  elif len(lines) > 1 and _is_head_of_one(lines[0]):
    raise ValueError(
      f'its first line, {lines[0]!r}, reads like the head of a column and no'
      ' class: remove it'
    )
  numbers = [line for line in lines if _is_integer(line)]
  if 0 < len(numbers) < len(lines):
    raise ValueError(f'line {numbers[0]!r} is a number among names: remove it')
  return _numbered(lines) or [_entry(line) for line in lines]


def parse_colour(text: str) -> tuple[int, ...] | None:
  """The colour of '#ff0000', '255,0,0' or 'rgb(255, 0, 0)'; None of others."""
  match = _HEX.fullmatch(text.strip())
  if match:
    return tuple(bytes.fromhex(match[1] or ''.join(x * 2 for x in match[2])))
  match = _RGB.fullmatch(text.strip())
  return tuple(map(int, match.groups())) if match else None


def _is_comment(line: str) -> bool:
  return line.startswith('#') and not _HEX.match(line)


def _numbered(lines: list[str]) -> list[dict[str, Any]]:
  """Entries of lines that all begin, or all end, with an index; else empty."""
  first = [_INDEX_FIRST.fullmatch(line) for line in lines]
  if lines and all(first):
    texts = _without_opacity([m[2] for m in first])
    return [{**_entry(x), 'id': int(m[1])} for x, m in zip(texts, first)]
  for position, match in enumerate(first):
    if match and int(match[1]) == position:
      bare = next(line for line, m in zip(lines, first) if m is None)
      raise ValueError(
        f'line {match[0]!r} begins with an index and line {bare!r} does not:'
        ' number all of them or none'
      )
  between = [_INDEX_THEN_COLOUR.fullmatch(line) for line in lines]
  if (
    lines
    and all(between)
    and {int(m['id']) for m in between} == {*range(len(lines))}
    and len({m['name'] for m in between}) == len(lines)
  ):
    return [
      {**_entry(f'{m["name"]} {m["colour"]}'), 'id': int(m['id'])}
      for m in between
    ]
  last = [_INDEX_LAST.fullmatch(line) for line in lines]
  if not lines or not all(last) or any(map(_COLOUR_LAST.fullmatch, lines)):
    return []
  ids = {int(m[2]) for m in last} - {*IGNORED_IDS}
  if len({m[1] for m in last}) < len(lines) or ids != {*range(len(ids))}:
    return []
  return [{**_entry(m[1]), 'id': int(m[2])} for m in last]


def _without_opacity(texts: list[str]) -> list[str]:
  """Names and colours without a fourth number, if all have one.

  In `label 1 255 0 0` the first number belongs to the name, which tells itself
  by names that are equal without it.
  """
  four = [_FOUR_LAST.fullmatch(text) for text in texts]
  if not all(four):
    return texts
  shorter = [match['rest'] for match in four]
  names = {_COLOUR_LAST.fullmatch(text)['name'] for text in shorter}
  return shorter if len(names) == len(texts) else texts


def _entry(line: str) -> dict[str, Any]:
  """An entry from a name, with a colour before or behind it."""
  match = _INDEX_FIRST.fullmatch(line)
  if match and int(match[1]) in IGNORED_IDS:
    return {**_entry(match[2]), 'ignore': True}
  bare = line.replace('"', '')
  match = _COLOUR_FIRST.fullmatch(bare) or _COLOUR_LAST.fullmatch(bare)
  if match:
    colour = parse_colour(match['colour'])
    return {'name': _name(match['name'], line), 'color': colour}
  return {'name': _name(line, line)}


def _cvat(line: str) -> dict[str, Any]:
  """An entry from `label:color_rgb:parts:actions`; all but the first may be
  empty."""
  match = _CVAT_BARE.fullmatch(line)
  return {'name': _name(match[1], line)} if match else _entry(line.rstrip(':'))


def _name(text: str, line: str) -> str:
  """A name without quotes and what separates it from others."""
  text = text.strip().rstrip(',;:').strip()
  is_quoted = len(text) > 1 and text[0] == text[-1] and text[0] in '"\''
  text = text[1:-1].strip() if is_quoted else text
  if _ODD.search(text):
    raise ValueError(
      f'line {line!r} is not understood: write a name, or a name and a colour,'
      ' such as red 255 0 0 or red #ff0000'
    )
  return text


def _table(lines: list[str]) -> list[dict[str, Any]] | None:
  """Entries of a table whose first line names its columns, else None."""
  if not lines:
    return None
  separator = next((x for x in '\t;,' if x in lines[0]), None)
  if separator is None:
    return None
  rows = csv.reader(lines, delimiter=separator, skipinitialspace=True)
  head, *rows = [[cell.strip() for cell in row] for row in rows]
  heads = [_HEAD_OF.get(re.sub(r'[\W_]', '', x.casefold())) for x in head]
  if 'name' not in heads or not {'id', 'color', 'r'} & {*heads}:
    return None
  return [_row(dict(zip(heads, row)), row, len(heads)) for row in rows]


def _row(cells: dict[str, str], row: list[str], width: int) -> dict[str, Any]:
  """An entry from the cells of a row by the kind of their columns."""
  parts = [cells[channel] for channel in 'rgb' if channel in cells]
  colour = ','.join(parts) if len(parts) == 3 else cells.get('color')
  entry = {'name': cells.get('name', '')}
  if colour:
    entry['color'] = parse_colour(colour)
  if 'id' in cells:
    entry['id'] = int(cells['id']) if _is_integer(cells['id']) else None
  is_odd = len(row) != width or (colour and entry['color'] is None)
  if is_odd or ('id' in cells and entry['id'] is None):
    raise ValueError(f'row {row} does not fit the head of the table')
  return entry


def _is_head(line: str) -> bool:
  """Whether a line is `id name` or the like, above columns without commas."""
  heads = [_HEAD_OF.get(word.casefold()) for word in line.split()]
  return len(heads) > 1 and None not in heads and 'name' in heads


def _is_head_of_one(line: str) -> bool:
  """Whether a line is `name`, `classes` or the like, above names."""
  word = re.sub(r'[\W_]', '', line.casefold())
  singular = 'class' if word == 'classes' else word.removesuffix('s')
  singular = re.sub('ie$', 'y', singular)
  return 'name' in (_HEAD_OF.get(word), _HEAD_OF.get(singular))


def _is_integer(text: str) -> bool:
  return re.fullmatch(r'-?\d{1,9}', text, re.ASCII) is not None
