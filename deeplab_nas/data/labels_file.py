"""Class names and colours from labels.txt, labels.json or labels.yaml.

labels.txt has one class per line, in index order, optionally with a colour, and
the other forms that `label_lines` reads:

    background
    road 128 64 128

labels.json and labels.yaml hold a list of names, a list of
{name, color, id} or a mapping from name to colour or index, or from index to
name; a list may also stand under the key `classes`. A class with
`ignore: true`, with the index 255 or -1, or of labelme's name `__ignore__` is
the ignore label: its colour counts in colour masks.
"""

from __future__ import annotations

import dataclasses
import os
import pathlib
import re
from collections.abc import Mapping, Sequence
from typing import Union

from deeplab_nas import errors, files, safe_json, safe_yaml
from deeplab_nas.data import dataset_info, label_lines, palettes

FILE_NAMES = (
  'labels.txt',
  'labels.json',
  'labels.yaml',
  'labels.yml',
  'labelmap.txt',
  '_classes.csv',  # of CVAT and Roboflow
  'class_names.txt',  # of labelme2voc
)
# A file, or what one of YAML holds.
Source = Union[str, 'os.PathLike[str]', Sequence, Mapping]
_LIST_KEYS = ('classes', 'labels', 'names', 'id2label')
_NAME_KEYS = ('name', 'title', 'class_name', 'label', 'class')
_COLOUR_KEYS = ('color', 'colour', 'palette')
_IGNORED_NAME = '__ignore__'  # of labelme, with the index -1
# In YAML # begins a comment, so that a colour is lost without quotes.
_BARE_COLOUR = re.compile(
  r'([:\-\[,]\s+)(#(?:[0-9a-fA-F]{3}){1,2})(?=\s*(?:[,\]}#]|$))', re.MULTILINE
)


@dataclasses.dataclass(frozen=True)
class Labels:
  """Classes in index order; a colour is None where the file gives none."""

  path: str
  names: tuple[str, ...]
  colors: tuple[tuple[int, int, int] | None, ...]
  ignored_colors: tuple[tuple[int, int, int], ...] = ()
  names_ignored: bool = False  # whether there is an entry that is no class

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
    path = find_in(folder)
    if path:
      return path
  raise errors.UserError(
    f'{folders[0]} has no labels.txt, labels.json or labels.yaml: write a'
    ' labels.txt with one class name per line, in the order of the mask'
    ' values 0, 1, 2, ...'
  )


def find_in(folder: str | os.PathLike) -> pathlib.Path | None:
  """The one labels file of a folder; None if it has none."""
  paths = [pathlib.Path(folder, name) for name in FILE_NAMES]
  paths = [path for path in paths if path.is_file()]
  if len(paths) > 1:
    raise errors.UserError(
      f'{folder} has both {paths[0].name} and {paths[1].name}: keep one,'
      ' or choose with --labels=FILE.'
    )
  return paths[0] if paths else None


def read(path: Source) -> Labels:
  """Reads a labels file of any of the three kinds.

  Args:
    path: The file; or what a labels.yaml holds: the names in the order of the
      mask values, or colours or indices by name.

  Raises:
    UserError: If there is no such file, or it does not say what the classes
      are.
  """
  if not isinstance(path, (str, os.PathLike)):
    return _given(path)
  path = pathlib.Path(path)
  if not path.is_file():
    raise errors.UserError(f'The labels file {path} does not exist.')
  try:
    text = files.read(path, 'utf-8-sig')
    is_yaml = path.suffix in ('.yaml', '.yml')
    is_json = not is_yaml and text.lstrip().startswith(('{', '['))
    if is_json or path.suffix == '.json':
      entries = _entries(safe_json.parse(text, object_pairs_hook=_unique), path)
    elif is_yaml:
      text = _BARE_COLOUR.sub(r'\1"\2"', text)
      entries = _entries(safe_yaml.parse(text), path)
    else:
      entries = label_lines.parse(text)
  except (ValueError, TypeError) as error:
    reason = ' '.join(str(error).split())
    raise _fault(path, f'it cannot be read ({reason})') from error
  return _labels(path, entries)


def _given(content: Sequence | Mapping) -> Labels:
  """The labels that Python code gives."""
  source = pathlib.Path('labels')
  if isinstance(content, Mapping):
    content = dict(content)
  elif isinstance(content, Sequence):
    content = list(content)
  return _labels(source, _entries(content, source))


def _labels(path: pathlib.Path, entries: list[dict]) -> Labels:
  """Builds `Labels` from entries with 'name', 'color', 'id', 'ignore'."""
  ignored = [entry for entry in entries if _is_ignored(entry)]
  entries = [entry for entry in entries if not _is_ignored(entry)]
  for index, entry in enumerate(entries):
    name = entry.get('name')
    if not isinstance(name, str) or not name.strip():
      raise _fault(
        path, f'the name {name!r} of class {index} is no text: quote it'
      )
  ids = [entry.get('id') for entry in entries]
  if any(value is not None for value in ids):
    if sorted(ids, key=str) == sorted(range(1, len(ids) + 1), key=str):
      raise _fault(
        path,
        f'the ids are 1..{len(ids)} and there is no 0: name it as well, as the'
        ' masks mean it (0 other), and pass --ignore_label=0 if it is no class',
      )
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
    bool(ignored),
  )


def _is_ignored(entry: dict) -> bool:
  return bool(
    entry.get('ignore')
    or entry.get('id') in label_lines.IGNORED_IDS
    or entry.get('name') == _IGNORED_NAME
  )


def _entries(value, path: pathlib.Path) -> list[dict]:
  """Entries of a parsed JSON or YAML file."""
  if isinstance(value, list):
    return [_entry(item, path) for item in value]
  if not isinstance(value, dict):
    raise _fault(path, 'it is neither a list of names nor a mapping')
  _refuse_others(value, path)
  for key in value:
    if str(key).lower() in _LIST_KEYS and isinstance(value[key], (list, dict)):
      return _with_palette(_entries(value[key], path), value, path)
  if value and all(_is_index(key) for key in value):
    return [
      {**_entry(item, path), 'id': int(key)} for key, item in value.items()
    ]
  if value and all(type(item) is int for item in value.values()):
    return [{'name': key, 'id': item} for key, item in value.items()]
  if value and all(map(_is_colour, value)):
    value = {name: key for key, name in value.items()}
  for key, item in value.items():
    items = item if isinstance(item, list) else [item]
    if any(isinstance(x, dict) for x in items):
      raise _fault(
        path,
        f'{key!r} is no class with a colour or an index, as if this were the'
        ' file of another program: write a labels.txt with one name per line',
      )
    if item is None:
      raise _fault(path, f'{key!r} has no value: write a list (- {key})')
  return [
    {'name': key, 'color': _colour(item, path)} for key, item in value.items()
  ]


def _refuse_others(value: dict, path: pathlib.Path) -> None:
  """Refuses files of other programs that describe more than classes."""
  if 'annotations' in value or 'categories' in value:
    raise _fault(
      path,
      'this is a COCO file, whose polygons must be drawn to masks first, and'
      f' no labels file{_names_in(value.get("categories"))}',
    )
  if {'channel_names', 'modality', 'numTraining', 'file_ending'} & value.keys():
    raise _fault(
      path,
      "this is nnU-Net's dataset.json and no labels file"
      f'{_names_in(value.get("labels"))}',
    )
  if 'shapes' in value:
    raise _fault(
      path,
      'this is a file of labelme, whose polygons must be drawn to masks first,'
      ' and no labels file',
    )


def _names_in(classes) -> str:
  """What to write into labels.txt, as far as a foreign file tells."""
  names = []
  if isinstance(classes, list):
    names = [item.get('name') for item in classes if isinstance(item, dict)]
  elif isinstance(classes, dict):
    names = [x if isinstance(x, str) else key for key, x in classes.items()]
  named = ', '.join(name for name in names if isinstance(name, str))
  remedy = ': write a labels.txt with one name per line, in the order of the'
  return f'{remedy} mask values' + (f' (it names {named})' if named else '')


def _with_palette(entries: list[dict], value: dict, path) -> list[dict]:
  """Gives entries the colours of a list that stands beside them."""
  colours = next(
    (value[key] for key in value if str(key).lower() in ('palette', 'colors')),
    None,
  )
  if colours is None:
    return entries
  if not isinstance(colours, list) or len(colours) != len(entries):
    raise _fault(path, f'its palette does not have {len(entries)} colours')
  return [
    {**entry, 'color': _colour(colour, path)}
    for entry, colour in zip(entries, colours)
  ]


def _entry(item, path: pathlib.Path) -> dict:
  if not isinstance(item, dict):
    return {'name': item}
  colour = next((item[key] for key in _COLOUR_KEYS if key in item), None)
  name = next((item[key] for key in _NAME_KEYS if key in item), None)
  return {**item, 'name': name, 'color': _colour(colour, path)}


def _is_colour(key) -> bool:
  return isinstance(key, str) and label_lines.parse_colour(key) is not None


def _colour(value, path: pathlib.Path):
  """A colour from [r, g, b] or '#rrggbb'; None stays None."""
  if value is None:
    return None
  if isinstance(value, (list, tuple)):
    return tuple(value)
  if _is_colour(value):
    return label_lines.parse_colour(value)
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
