"""The `--map` flag: which mask values stand for which class."""

from __future__ import annotations

import re
from collections.abc import Sequence

from deeplab_nas import errors

IGNORE = 'ignore'
_COLOUR = re.compile(r'#([0-9a-fA-F]{6})')
_RANGE = re.compile(r'(-?\d+)(?:-(\d+))?', re.ASCII)
_MAX_VALUE = 2**31 - 1  # masks have at most 32 bits
_MAX_LENGTH = 2**16

Colour = tuple  # (red, green, blue), integers in 0..255


def parse(
  text: str, class_names: Sequence[str], ignore_label: int
) -> tuple[dict[int, int], dict[Colour, int]]:
  """Reads `255:1,8-33:ignore,#ff0000:car`.

  Args:
    text: Comma-separated `source:target`. A source is a mask value, a range of
      values or a colour `#rrggbb`; a target is a class index, a class name or
      `ignore`.
    class_names: Names in index order.
    ignore_label: What `ignore` stands for.

  Returns:
    Targets by mask value, and targets by colour.
  """
  values, colours = {}, {}
  for item in filter(None, (part.strip() for part in text.split(','))):
    source, colon, target = item.partition(':')
    source, target = source.strip(), target.strip()
    if not colon:
      raise _refusal(item, 'is not of the form value:class')
    index = _target(item, target, class_names, ignore_label)
    if _COLOUR.fullmatch(source):
      keys, table = [parse_colour(source)], colours
    elif _RANGE.fullmatch(source):
      first, last = _RANGE.fullmatch(source).groups()
      keys, table = range(int(first), int(last or first) + 1), values
      if not 0 < len(keys) <= _MAX_LENGTH or abs(keys[-1]) > _MAX_VALUE:
        raise _refusal(item, 'has no range of mask values on its left')
    else:
      raise _refusal(item, f'has {source!r} on its left')
    for key in keys:
      if table.get(key, index) != index:
        raise _refusal(item, f'maps {source} a second time')
      table[key] = index
  return values, colours


def parse_colour(text: str) -> Colour:
  """'#rrggbb' as three integers."""
  digits = _COLOUR.fullmatch(text).group(1)
  return tuple(int(digits[start : start + 2], 16) for start in (0, 2, 4))


def format_colour(colour: Sequence[int]) -> str:
  return '#' + ''.join(f'{part:02x}' for part in colour)


def _target(item, target, class_names, ignore_label) -> int:
  if target == IGNORE:
    return ignore_label
  if target in class_names:
    return list(class_names).index(target)
  if re.fullmatch('[0-9]{1,9}', target):
    index = int(target)
    if index < len(class_names) or index == ignore_label:
      return index
  raise _refusal(
    item,
    f'has {target!r} on its right, which is neither a class index in'
    f' 0..{len(class_names) - 1}, a class name nor the word ignore',
  )


def _refusal(item: str, fault: str) -> errors.UserError:
  return errors.UserError(
    f'--map: {item!r} {fault}; write for example --map=255:1,7:ignore or'
    ' --map=#ff0000:2.'
  )
