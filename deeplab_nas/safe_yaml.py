"""YAML of plain values: no objects, no aliases, no repeated keys.

    parse('epochs: 3')   # {'epochs': 3}

Whatever the text is, it is parsed in little time and memory or refused.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import yaml

# PyYAML takes a second for them; our files have some thousands.
MAX_CHARACTERS = 100_000


class _Loader(yaml.SafeLoader):  # builds no objects
  """Refuses what would be lost or could grow without bounds."""

  def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node:
    # Few aliases of aliases stand for billions of values.
    if self.check_event(yaml.AliasEvent):
      event = self.peek_event()
      raise ValueError(
        f'line {event.start_mark.line + 1} has the alias *{event.anchor}:'
        ' write out what it stands for'
      )
    return super().compose_node(parent, index)

  def construct_mapping(
    self, node: yaml.MappingNode, deep: bool = False
  ) -> dict[Any, Any]:
    seen = set()
    for key_node, _ in node.value:
      key = self.construct_object(key_node, True)
      if not isinstance(key, Hashable):
        raise ValueError(
          f'line {key_node.start_mark.line + 1} has a key that is no text'
        )
      if key in seen:
        raise ValueError(f'{key!r} occurs twice')
      seen.add(key)
    return super().construct_mapping(node, deep)


def parse(text: str) -> Any:
  """What the text holds.

  Raises:
    ValueError: If that are no plain values; says why in one line.
  """
  if len(text) > MAX_CHARACTERS:
    raise ValueError(f'it has more than {MAX_CHARACTERS} characters')
  try:
    return yaml.load(text, _Loader)
  except RecursionError as error:
    raise ValueError('it is nested too deeply') from error
  # PyYAML lets through what its converters raise, such as KeyError.
  except Exception as error:
    reason = ' '.join(str(error).split()).rstrip('.')
    if not isinstance(error, (yaml.YAMLError, ValueError)):
      reason = 'a value does not fit its tag, such as !!int'
    raise ValueError(reason) from error
