"""JSON from files: whatever the text is, what comes is data or a ValueError.

    parse('{"steps": 400}')   # {'steps': 400}

`json.loads` raises other errors for text that is nested deeply, and reads whole
numbers that no float can hold, which then fail far away.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any


def parse(
  text: str | bytes, object_pairs_hook: Callable[..., Any] | None = None
) -> Any:
  """What the text holds.

  Args:
    text: Of a file, or a line of one.
    object_pairs_hook: See `json.loads`.

  Raises:
    ValueError: If it is no JSON, is nested too deeply, or has a number beyond
      the range of floats.
  """
  try:
    return json.loads(
      text, parse_int=_whole, object_pairs_hook=object_pairs_hook
    )
  except RecursionError as error:
    raise ValueError('it is nested too deeply') from error


def _whole(text: str) -> int:
  value = int(text)
  try:
    float(value)
  except OverflowError as error:
    raise ValueError(f'a number has {len(text)} digits') from error
  return value
