"""Settings that a program chooses, each with its reason, around given ones."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Given = Mapping[str, Mapping[str, Any]]


class Choices:
  """Settings and reasons as they are decided, beside what was given before.

  Attributes:
    settings: Chosen values by section and key, as in a preset.
    reasons: One line each, 'data.batch_size=4: why'.
  """

  def __init__(self, given: Given):
    self.settings: dict[str, dict[str, Any]] = {}
    self.reasons: list[str] = []
    self._given = given

  def choose(self, key: str, value: Any, why: str = '') -> Any:
    """Notes a value unless one is given; returns the one that holds."""
    section, name = key.split('.')
    if name in self._given.get(section, {}):
      given = self._given[section][name]
      self.reasons.append(f'{key}={format_value(given)}: as it was set')
      return given
    self.settings.setdefault(section, {})[name] = value
    if why:
      self.reasons.append(f'{key}={format_value(value)}: {why}')
    return value

  def given(self, key: str, default: Any) -> Any:
    """The value of a setting that is never chosen."""
    section, name = key.split('.')
    return self._given.get(section, {}).get(name, default)

  def given_of(self, section: str) -> tuple[str, ...]:
    """Names of the settings of a section that were given."""
    return tuple(self._given.get(section, {}))

  def held(self, key: str) -> Any:
    """The value that holds of a setting that was chosen before."""
    section, name = key.split('.')
    return self.given(key, self.settings.get(section, {}).get(name))


def format_value(value: Any) -> str:
  """A value as `--set` takes it."""
  if isinstance(value, (list, tuple)):
    return f'[{",".join(map(format_value, value))}]'
  if isinstance(value, bool) or value is None:
    return {True: 'true', False: 'false', None: 'null'}[value]
  return f'{value:g}' if isinstance(value, float) else str(value)
