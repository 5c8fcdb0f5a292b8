"""`--scales` of the scripts; no TensorFlow, so that mistakes show at once."""

from __future__ import annotations

from collections.abc import Sequence

from deeplab_nas import errors
from deeplab_nas.config import train as config_train

MAX_SCALE = config_train.MAX_SCALE


def parse(texts: Sequence[str]) -> tuple[float, ...]:
  """Image scales from the texts of a list flag.

  Raises:
    UserError: If there is none, or one is no number above 0 and at most 16.
  """
  try:
    scales = tuple(map(float, texts))
  except ValueError:
    scales = ()
  if not scales or not all(0 < scale <= MAX_SCALE for scale in scales):
    raise errors.UserError(
      f'--scales={",".join(texts)} has to be numbers above 0 and at most'
      f' {MAX_SCALE:g}, such as --scales=0.75,1,1.25.'
    )
  return scales
