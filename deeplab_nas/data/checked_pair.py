"""An image and its mask, read and checked: what goes into a record.

Files that go into records as they are need not pass through a pipe, which would
take longer than to read them again: `read_without_kept` leaves them out in the
process that checks, `with_kept` reads them again in the one that writes.
"""

from __future__ import annotations

import dataclasses
import os
import pathlib

from deeplab_nas import errors
from deeplab_nas.data import (
  evidence,
  findings,
  image_files,
  mask_rules,
  masks,
  orientation,
  pairs,
)


@dataclasses.dataclass(frozen=True)
class CheckedPair:
  """The contents of a record, or why there is none.

  Attributes:
    pair: Where it comes from.
    problems: Refusals; when there are any, image and label are None.
    unknown: Pixels by mask value that fits no class.
    likely: Class by unknown value, as far as it can be guessed.
    values: Mask values that fit a class.
    image: The image, or None.
    label: Contents of an index PNG, or None.
    counts: What it adds to the counts of its split.
    is_label_kept: Whether `label` is the file as it was found.
  """

  pair: pairs.Pair
  problems: tuple[str, ...] = ()
  unknown: dict[str, int] = dataclasses.field(default_factory=dict)
  image: image_files.ImageFile | None = None
  label: bytes | None = None
  counts: findings.Counts | None = None
  is_label_kept: bool = False
  likely: dict[str, int] = dataclasses.field(default_factory=dict)
  values: tuple[int, ...] = ()


def read(
  pair: pairs.Pair,
  rules: mask_rules.MaskRules,
  max_pixels: int = image_files.MAX_PIXELS,
) -> CheckedPair:
  """Reads and checks one pair; problems are returned, not raised."""
  problems, mask, image = [], None, None
  try:
    if pair.mask is not None:
      mask = masks.read(pair.mask, rules, max_pixels)
  except errors.UserError as error:
    problems.append(str(error))
  try:
    image = image_files.read(pair.image, max_pixels)
    if mask is not None:
      mask = _laid_on(pair, mask, image)
  except errors.UserError as error:
    problems.append(str(error))
  unknown = mask.unknown if mask else {}
  if problems or unknown:
    example = CheckedPair(pair, tuple(problems), unknown)
    if mask is None:
      return example
    return dataclasses.replace(example, likely=mask.likely, values=mask.values)
  counts = _counts(pair, image, mask, rules.ignore_label)
  if mask is None:
    return CheckedPair(pair, image=image, counts=counts)
  is_kept = mask.contents is not None
  label = mask.contents if is_kept else masks.encode(mask.indices)
  return CheckedPair(
    pair, (), {}, image, label, counts, is_kept, values=mask.values
  )


def _laid_on(
  pair: pairs.Pair, mask: masks.MaskFile, image: image_files.ImageFile
) -> masks.MaskFile:
  """The mask turned as its image is.

  Raises:
    UserError: If the two have different sizes, or it cannot be known how.
  """
  turn = orientation.of_mask(
    image.size, image.orientation, mask.indices.shape, mask.orientation
  )
  if turn is None:
    noted = [
      f'{path} carries EXIF orientation {value}'
      for path, value in (
        (pair.image, image.orientation),
        (pair.mask, mask.orientation),
      )
      if value != orientation.UPRIGHT
    ]
    raise errors.UserError(
      f'{" and ".join(noted)}, and the sizes do not tell whether this goes for'
      ' image and mask: rotate the pixels (mogrify -auto-orient) or remove the'
      ' tag (exiftool -Orientation=).'
    )
  mask = mask.turned(turn)
  if image.size != mask.indices.shape:
    raise errors.UserError(
      f'{pair.image} has {image.size[0]} x {image.size[1]} pixels (height x'
      f' width) but its mask {pair.mask} has {mask.indices.shape[0]} x'
      f' {mask.indices.shape[1]}: export them at the same size.'
    )
  return mask


def _counts(pair, image, mask, ignore_label: int) -> findings.Counts:
  """The counts of a single example."""
  counts = findings.Counts(
    num_examples=1,
    pixels=image.size[0] * image.size[1],
    channel_sums=image.channel_sums,
    max_size=image.size,
    min_size=image.size,
    largest_image=image.size,
  )
  if mask is not None:
    counts.histogram = tuple(mask.histogram.tolist())
    counts.num_masks = 1
    counts.marks = evidence.marks(mask, pair.mask, ignore_label)
    counts.num_blank = int(mask.histogram[ignore_label] == mask.indices.size)
  return counts


def read_without_kept(
  pair: pairs.Pair, rules: mask_rules.MaskRules, max_pixels: int
) -> CheckedPair:
  """`read`, with the state of kept files in place of their contents."""
  states = [file_state(path) for path in (pair.image, pair.mask)]
  example = read(pair, rules, max_pixels)
  image, label = example.image, example.label
  if image is not None and image.is_kept:
    image = dataclasses.replace(image, encoded=states[0])
  if example.is_label_kept:
    label = states[1]
  return dataclasses.replace(example, image=image, label=label)


def with_kept(example: CheckedPair) -> CheckedPair:
  """Puts the contents of kept files back."""
  image, label = example.image, example.label
  if image is not None and image.is_kept:
    contents = _reread(example.pair.image, image.encoded)
    image = dataclasses.replace(image, encoded=contents)
  if example.is_label_kept:
    label = _reread(example.pair.mask, label)
  return dataclasses.replace(example, image=image, label=label)


def _reread(path: str, state: tuple[int, int]) -> bytes:
  contents = pathlib.Path(path).read_bytes()
  if file_state(path) != state:
    raise errors.UserError(
      f'{path} has changed while it was read: run the same command again.'
    )
  return contents


def file_state(path: str | None) -> tuple[int, int] | None:
  """Size and time of the last change; None for what is no file."""
  try:
    status = os.stat(path)
  except (OSError, TypeError):
    return None
  return status.st_size, status.st_mtime_ns
