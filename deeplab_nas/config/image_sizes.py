"""Scale, batch and crop that suit images, time and memory."""

from __future__ import annotations

import math

from deeplab_nas import wording
from deeplab_nas.config import data_facts

# Pixels of an image: what suits, and what fits in the memory of a validation.
_SUITABLE_PIXELS, _MOST_PIXELS = 2**20, 2**22
_BATCH_PIXELS, _BATCH_LOGITS = 6_000_000, 400_000_000  # of a validation
_LEAST_SIDE, _STRIDE = 64, 32


def choose_scale(facts: data_facts.DataFacts) -> tuple[float, str]:
  """The factor above 0 by which all images are resized, and why."""
  short, long = min(facts.largest), max(facts.largest)
  if short < _LEAST_SIDE and 2 * long <= 1024:
    factor = 2.0 if 2 * short >= _LEAST_SIDE or 4 * long > 1024 else 4.0
    return factor, (
      f'sides of {short} pixels leave little at the strides of up to {_STRIDE}'
    )
  is_thin = facts.may_be_thin and facts.num_images < data_facts.MANY
  suitable = _MOST_PIXELS if is_thin else _SUITABLE_PIXELS
  for power in range(16):
    for factor in (1 / 2**power, 0.75 / 2**power):
      pixels = short * long * factor**2
      is_narrow = short * factor * 0.75 < 2 * _LEAST_SIDE
      if pixels <= suitable or (is_narrow and pixels <= _MOST_PIXELS):
        return factor, _why_scale(factor, facts)
  return factor, _why_scale(factor, facts)


def _why_scale(factor: float, facts: data_facts.DataFacts) -> str:
  name, share = facts.rarest
  rare = f'class {name} has {data_facts.format_percent(share)} of the pixels'
  if factor == 1:
    return (
      f'{rare}, and what is thin would vanish in smaller images'
      if facts.may_be_thin
      else 'the images are of a size that two cores can work with'
    )
  text = 'larger images would take too much time and memory'
  return (
    f'{text}; {rare}: if it is a few pixels thin, cut the images into tiles'
    if facts.may_be_thin
    else text
  )


def choose_batch(facts: data_facts.DataFacts, scale: float) -> tuple[int, str]:
  """The number of images in a step, at least 2, and why.

  Args:
    facts: About the data.
    scale: Of the images, which are validated whole.
  """
  count = 2 if facts.num_images < 16 else 4 if facts.num_images < 200 else 8
  why = f'for {wording.counted(facts.num_images, "training image")}'
  most = min(_BATCH_PIXELS, _BATCH_LOGITS // facts.num_classes)
  most = int(most / (facts.padded_pixels * scale**2))
  if most < count:
    count = max(2, most)
    why = 'more whole images would fill the memory when they are validated'
  return count, why


def choose_crop(height: int, width: int, most_pixels: int) -> list[int]:
  """A crop's [height, width], each 32 k + 1 so that it fits all strides.

  Args:
    height: Of the scaled images.
    width: Of the scaled images.
    most_pixels: About how many the crop has at most.
  """
  sides = [_covering(height), _covering(width)]
  if math.prod(sides) <= most_pixels:
    return sides
  square = _within(math.sqrt(most_pixels))
  for one, other in ((0, 1), (1, 0)):
    if sides[one] <= square:
      sides[other] = min(sides[other], _within(most_pixels / sides[one]))
      return sides
  return [square, square]


def _covering(side: int) -> int:
  """The least 32 k + 1, k > 0, that holds a side."""
  return _STRIDE * max(1, math.ceil((side - 1) / _STRIDE)) + 1


def _within(side: float) -> int:
  """The largest 32 k + 1, k > 0, within a side."""
  return _STRIDE * max(1, math.floor((side - 1) / _STRIDE)) + 1
