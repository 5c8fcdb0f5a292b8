"""What to do about mask values that are no class: their likeliest meaning.

The advice must not lose a class: whoever follows it has labels as they were
meant, or is asked to name what is missing.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

_MAX_CLASSES = 32  # above, stretched greys cannot be told from others
_WHITE = 255


def advice(
  unknown: Collection[str],
  known: Collection[int],
  likely: Mapping[str, int],
  num_classes: int,
) -> str:
  """The end of a sentence on unknown values.

  Args:
    unknown: Mask values ('7' or '#ff00aa') that fit no class.
    known: Values of the masks that do, or that are the ignore label.
    likely: Class by value where all are greys of the colours of classes.
    num_classes: Of the dataset.
  """
  if likely and set(unknown) <= likely.keys():
    pairs = sorted(likely.items(), key=lambda pair: _number(pair[0]))
    return (
      'these are the greys of the colours in the labels file, so convert with'
      f' --map={_joined(pairs)}, or save the masks in colour'
    )
  if all(value.isdecimal() for value in unknown):
    values = sorted({*map(int, unknown), *known})
    for guess in (_stretched, _counted_from_one, _in_order, _mixed):
      found = guess(values, {*map(int, unknown)}, num_classes)
      if found:
        return found
  ordered = sorted(unknown, key=lambda value: (len(value), value))
  remedy = ','.join(f'{value}:ignore' for value in ordered)
  if ordered == [str(num_classes)]:
    return (
      f'name the missing class in the labels file, or convert with'
      f' --map={remedy} (or, if the masks count from 1 and 0 is no class,'
      f' --map=0:ignore,{_shift(num_classes)})'
    )
  return (
    f'name the missing classes in the labels file, or convert with'
    f' --map={remedy} if these are no classes'
  )


def _stretched(
  values: list[int], unknown: set[int], num_classes: int
) -> str | None:
  """Advice where the classes are spread over the greys from black to white."""
  for count in dict.fromkeys([num_classes, len(values)]):
    pairs = _spread(values, count)
    if pairs is None or count < num_classes:
      continue
    convert = f'convert with --map={_joined(pairs)}'
    if count == num_classes:
      return f'{convert} or correct the list of classes'
    return f'name {count} classes in the labels file and {convert}'
  return None


def _spread(values: list[int], count: int) -> list[tuple[int, int]] | None:
  """(value, index) if values are some of so many equal steps up to white."""
  steps = count - 1
  if not 1 <= steps < _MAX_CLASSES or values[-1] != _WHITE:
    return None
  pairs = [(value, round(value * steps / _WHITE)) for value in values]
  if any(abs(value - index * _WHITE / steps) >= 1 for value, index in pairs):
    return None
  return [(value, index) for value, index in pairs if value != index]


def _counted_from_one(
  values: list[int], unknown: set[int], num_classes: int
) -> str | None:
  """Advice where 0 never occurs, but 1 and what follows."""
  values = [value for value in values if value != _WHITE or value in unknown]
  if not values or values[0] != 1 or values[-1] > 2 * len(values):
    return None
  shift = f'convert with --map={_shift(values[-1])}'
  if values[-1] == num_classes:
    return f'no mask holds 0, so they count from 1: {shift}'
  return (
    f'no mask holds 0, so they count from 1, up to {values[-1]}: name'
    f' {values[-1]} classes in the labels file and {shift}'
  )


def _in_order(
  values: list[int], unknown: set[int], num_classes: int
) -> str | None:
  """Advice where there are as many values as classes."""
  others = [value for value in values if value != _WHITE or value in unknown]
  if len(others) == num_classes:
    values = others
  if len(values) != num_classes or num_classes > _MAX_CLASSES:
    return None
  pairs = [(value, index) for index, value in enumerate(values)]
  moved = [(value, index) for value, index in pairs if value != index]
  return (
    f'if the {num_classes} values are the classes in their order, convert with'
    f' --map={_joined(moved)}'
  )


def _mixed(
  values: list[int], unknown: set[int], num_classes: int
) -> str | None:
  """Advice where some masks hold indices, and others greys of the classes."""
  is_indexed = any(0 < value < num_classes for value in values)
  if not is_indexed or unknown == {num_classes}:
    return None
  pairs = _spread(sorted({0, *unknown, _WHITE}), num_classes)
  if pairs is None and num_classes == 2 and len(unknown) == 1:
    pairs = [(value, 1) for value in unknown]
  if pairs is None:
    return None
  ignored = ','.join(f'{value}:ignore' for value in sorted(unknown))
  return (
    'other masks hold class indices: if these hold the same classes as greys,'
    f' convert with --map={_joined(pairs)}, and if the values are no classes,'
    f' with --map={ignored}'
  )


def _number(value: str) -> int:
  """By which values are ordered, of '7' and of '#070707'."""
  return int(value[1:], 16) if value.startswith('#') else int(value)


def _shift(count: int) -> str:
  return _joined((value + 1, value) for value in range(count))


def _joined(pairs) -> str:
  return ','.join(f'{value}:{index}' for value, index in pairs)
