"""Sizes of images on the command line: height x width."""

from __future__ import annotations

import re
from collections.abc import Iterable

from deeplab_nas import errors


def parse(flag: str, text: str | None) -> tuple[int, int] | None:
  """(height, width) of '513x1025'; None where nothing was given.

  Raises:
    UserError: If the text is no size.
  """
  if text is None:
    return None
  match = re.fullmatch(r'([1-9]\d{0,4})x([1-9]\d{0,4})', text)
  errors.require(
    match is not None,
    f'--{flag}={text} is no size: write height x width, such as'
    f' --{flag}=513x1025.',
  )
  return int(match[1]), int(match[2])


def format(size: Iterable[int]) -> str:
  """'513 x 1025'."""
  return ' x '.join(map(str, size))
