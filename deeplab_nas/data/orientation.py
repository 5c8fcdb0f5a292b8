"""The EXIF orientation of an image and its mask: which pixels lie on which.

Cameras store what the sensor saw and note how to turn it; TIFF, PNG and WebP
files can hold the same note. Viewers and labelling programs turn, decoders of
TensorFlow do not. Here every image is turned upright, everywhere; a mask is
turned so that it lies on its image, or the pair is refused.

Reference:
  CIPA DC-008 (EXIF 2.32), tag 0x0112
"""

from __future__ import annotations

from PIL import Image

TAG = 0x0112
UPRIGHT = 1
_TURNS = {
  2: Image.Transpose.FLIP_LEFT_RIGHT,
  3: Image.Transpose.ROTATE_180,
  4: Image.Transpose.FLIP_TOP_BOTTOM,
  5: Image.Transpose.TRANSPOSE,
  6: Image.Transpose.ROTATE_270,
  7: Image.Transpose.TRANSVERSE,
  8: Image.Transpose.ROTATE_90,
}
_SWAPS_SIDES = (5, 6, 7, 8)
_INVERSE = {6: 8, 8: 6}


def noted(image: Image.Image) -> int:
  """The orientation that a file notes, 1..8; 1 without a note."""
  try:
    value = image.getexif().get(TAG)
  except Exception:  # Pillow raises whatever it likes on damaged EXIF data
    return UPRIGHT
  return value if value in _TURNS else UPRIGHT


def turned(image: Image.Image, orientation: int) -> Image.Image:
  """The upright image of stored pixels; the same object for 1."""
  if orientation == UPRIGHT:
    return image
  return image.transpose(_TURNS[orientation])


def stored(image: Image.Image, orientation: int) -> Image.Image:
  """The stored pixels of an upright image, the inverse of `turned`."""
  return turned(image, _INVERSE.get(orientation, orientation))


def turned_size(size: tuple[int, int], orientation: int) -> tuple[int, int]:
  """(height, width) after `turned`."""
  return size[::-1] if orientation in _SWAPS_SIDES else size


def of_mask(
  image_size: tuple[int, int],
  image_orientation: int,
  mask_size: tuple[int, int],
  mask_orientation: int,
) -> int | None:
  """How a mask is to be turned so that it lies on the upright image.

  A mask may be drawn on the turned pixels or on the stored ones; where only
  one of these fits the image, that is it. Equal notes are taken as copied
  together with the pixels.

  Args:
    image_size: (height, width) of the upright image.
    image_orientation: What the image notes.
    mask_size: (height, width) of the stored mask.
    mask_orientation: What the mask notes.

  Returns:
    An orientation for `turned`; 1 if none fits, None if several do.
  """
  candidates = (mask_orientation, image_orientation, UPRIGHT)
  fitting = dict.fromkeys(
    candidate
    for candidate in candidates
    if turned_size(mask_size, candidate) == image_size
  )
  if len(fitting) > 1 and image_orientation != mask_orientation:
    return None
  return next(iter(fitting), UPRIGHT)
