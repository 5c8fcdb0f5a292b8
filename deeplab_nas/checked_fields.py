"""Fields that check themselves: one line says default, type and range.

    @dataclasses.dataclass(frozen=True)
    class Settings(Section):
      NAME: ClassVar[str] = 'settings'
      epochs: int = field(40, int, low=1)

    Settings(epochs=0)
    # settings.epochs is 0, expected a whole number, at least 1.

The comment is the message of the `UserError` that this raises.
"""

from __future__ import annotations

import dataclasses
import math
import reprlib
from typing import Any, ClassVar

from deeplab_nas import errors, paths

_TYPE_NAMES = {
  int: 'a whole number',
  float: 'a number',
  bool: 'true or false',
  str: 'text (in quotes if it looks like something else)',
}


@dataclasses.dataclass(frozen=True)
class Rule:
  """What a field accepts; bounds are inclusive unless they say otherwise.

  A field of `length` values, or of `many`, one or more, is a tuple. Every field
  that may name a file or a folder `is_path`: `~` becomes the home folder, and
  addresses of remote stores are refused.
  """

  kind: type
  low: float = -math.inf
  high: float = math.inf
  above: float = -math.inf
  below: float = math.inf
  choices: tuple[str, ...] = ()
  length: int | None = None
  many: bool = False
  optional: bool = False
  is_path: bool = False

  def convert(self, value: Any) -> Any:
    """The value in the field's own type; a ValueError if it does not fit."""
    if value is None and self.optional:
      return None
    if self.length is None and not self.many:
      return self._convert_one(value)
    if not isinstance(value, (list, tuple)) or not value:
      raise ValueError(value)
    if self.length not in (None, len(value)):
      raise ValueError(value)
    return tuple(map(self._convert_one, value))

  def _convert_one(self, value: Any) -> Any:
    if self.kind is float and not isinstance(value, bool):
      # YAML 1.1 reads 3e-3, which lacks a point, as text.
      value = float(value)
    if type(value) is not self.kind:
      raise ValueError(value)
    if self.choices and value not in self.choices:
      raise ValueError(value)
    if self.kind in (int, float) and not (
      self.low <= value <= self.high and self.above < value < self.below
    ):
      raise ValueError(value)
    return paths.expand(value) if self.is_path else value

  def __str__(self) -> str:
    if self.choices:
      text = f'one of {", ".join(self.choices)}'
    else:
      text = _TYPE_NAMES[self.kind]
      bounds = [
        f'{word} {bound:g}'
        for word, bound in (
          ('at least', self.low),
          ('above', self.above),
          ('at most', self.high),
          ('below', self.below),
        )
        if math.isfinite(bound)
      ]
      text = ', '.join([text] + bounds)
    if self.length is not None:
      text = f'a list of {self.length}, each {text}'
    elif self.many:
      text = f'a list, each {text}'
    return f'{text}, or null' if self.optional else text


def field(default: Any, kind: type, **rule: Any) -> Any:
  """A dataclass field with its default and its rule."""
  return dataclasses.field(
    default=default, metadata={'rule': Rule(kind, **rule)}
  )


class Section:
  """Checks and converts every field of a record on construction."""

  NAME: ClassVar[str]

  def __post_init__(self):
    for item in dataclasses.fields(self):
      value, rule = getattr(self, item.name), item.metadata['rule']
      try:
        converted = rule.convert(value)
      except paths.Refused as reason:
        raise errors.UserError(
          f'{self.NAME}.{item.name} is {short(value)}, which is refused:'
          f' {reason}.'
        ) from reason
      except (TypeError, ValueError, OverflowError) as error:
        raise errors.UserError(
          f'{self.NAME}.{item.name} is {short(value)}, expected {rule}.'
        ) from error
      object.__setattr__(self, item.name, converted)

  def require_at_most(self, name: str, other: str) -> None:
    """Refuses a field of numbers that is larger than another one.

    Args:
      name: Of the field.
      other: Of that which it may not exceed.

    Raises:
      UserError: If it does.
    """
    values = getattr(self, name), getattr(self, other)
    first, second = (f'{x:g}' if type(x) is float else f'{x}' for x in values)
    errors.require(
      values[0] <= values[1],
      f'{self.NAME}.{name} is {first}, expected at most {self.NAME}.{other},'
      f' which is {second}.',
    )


def short(value: Any) -> str:
  """A value in an error message, cut where it is long."""
  try:
    text = _SHORT.repr(value)
  except ValueError:  # an integer of thousands of digits
    text = f'a {type(value).__name__}'
  return text if len(text) <= 60 else f'{text[:57]}...'


_SHORT = reprlib.Repr()
_SHORT.maxstring = _SHORT.maxother = 60
