"""Reading image files for conversion: what is unusual is refused in words.

TensorFlow-free: worker processes import this module.
"""

from __future__ import annotations

import dataclasses
import io
import os
import pathlib
import warnings
from typing import BinaryIO

import numpy as np
from PIL import Image

from deeplab_nas import errors

EXTENSIONS = (
  '.jpg',
  '.jpeg',
  '.jpe',
  '.jfif',
  '.png',
  '.bmp',
  '.tif',
  '.tiff',
  '.gif',
  '.webp',
  '.ppm',
  '.pgm',
  '.pbm',
)
# TensorFlow's JPEG and PNG decoders go no further.
MAX_PIXELS = 2**27
_MAX_BYTES = 2**30  # of a file; a record holds less than twice that
# Pillow knows more, some of which start other programs. MPO is read as JPEG.
_FORMATS = (
  'BMP',
  'DIB',
  'GIF',
  'JPEG',
  'JPEG2000',
  'PNG',
  'PPM',
  'TIFF',
  'WEBP',
)
_ORIENTATION = 0x0112  # EXIF tag
_BITS_PER_SAMPLE = 258  # TIFF tag
_UPRIGHT = (None, 0, 1)
_TRANSPOSED = (5, 6, 7, 8)
_BYTE_MODES = ('1', 'L', 'LA', 'P', 'PA', 'RGB', 'RGBA', 'CMYK', 'YCbCr')


@dataclasses.dataclass(frozen=True)
class ImageFile:
  """An image as it goes into a record.

  Attributes:
    encoded: Contents of a JPEG or PNG file with 8 bits per channel.
    image_format: 'jpeg' or 'png'.
    size: (height, width).
    channel_sums: Sum of the (red, green, blue) values over all pixels.
    note: A change the user should know of, or None.
    is_kept: Whether `encoded` is the file as it was found.
  """

  encoded: bytes
  image_format: str
  size: tuple[int, int]
  channel_sums: tuple[float, float, float]
  note: str | None = None
  is_kept: bool = False


def load(path: str, max_pixels: int = MAX_PIXELS) -> tuple[Image.Image, bytes]:
  """Opens and fully decodes a still image; returns it and the file contents.

  What its header says to have more than `max_pixels` is not decoded.
  """
  file = pathlib.Path(path)
  if not file.exists():
    reason = 'is a link to nothing' if file.is_symlink() else 'does not exist'
    raise errors.UserError(f'{path} {reason}: restore or remove it.')
  if not file.is_file():
    raise errors.UserError(f'{path} is not a file.')
  _refuse_long(file)
  contents = file.read_bytes()
  if not contents:
    raise errors.UserError(f'{path} is empty (0 bytes): restore or remove it.')
  try:
    image = _decode(contents, max_pixels)
  except errors.UserError as error:
    raise errors.UserError(f'{path} {error}') from error
  # Decoders raise whatever they like on damaged files.
  except Exception as error:
    raise errors.UserError(
      f'{path} cannot be decoded ({_reason(error)}): restore or remove it.'
    ) from error
  return image, contents


def refuse_large(path: str | os.PathLike, max_pixels: int = MAX_PIXELS) -> None:
  """Raises a UserError for an image of too many pixels; reads its header alone.

  What is no image to Pillow is left to others to judge.
  """
  _refuse_long(pathlib.Path(path))
  try:
    with warnings.catch_warnings(), open(path, 'rb') as file:
      warnings.simplefilter('ignore')
      _open(file, max_pixels)
  except errors.UserError as error:
    raise errors.UserError(f'{path} {error}') from error
  except Exception:
    return


def read(
  path: str,
  mask_size: tuple[int, int] | None,
  max_pixels: int = MAX_PIXELS,
) -> ImageFile:
  """Reads an image; JPEG and PNG contents are kept wherever possible.

  Args:
    path: The image file.
    mask_size: (height, width) of its mask, which decides whether a rotation
      noted in the EXIF data applies; None without a mask.
    max_pixels: As in `load`.
  """
  image, contents = load(path, max_pixels)
  refuse_deep(path, image, contents)
  if image.mode not in _BYTE_MODES:
    raise errors.UserError(
      f'{path} is an image of mode {image.mode}: save it as RGB.'
    )
  image, is_rotated = _upright(path, image, mask_size)
  note = None
  if 'A' in image.getbands() or 'transparency' in image.info:
    note = 'an alpha channel was dropped'
  image_format = None if is_rotated else _kept_format(image, contents)
  is_kept = image_format is not None
  rgb = image if image.mode == 'RGB' else image.convert('RGB')
  if not is_kept:
    contents, image_format = encode_png(rgb), 'png'
  histogram = np.reshape(rgb.histogram(), [3, 256])
  sums = (histogram @ np.arange(256)).astype(float)
  return ImageFile(
    contents,
    image_format,
    (rgb.height, rgb.width),
    tuple(sums.tolist()),
    note,
    is_kept,
  )


def encode_png(image: Image.Image) -> bytes:
  stream = io.BytesIO()
  image.save(stream, 'PNG')
  return stream.getvalue()


def is_plain_png(image: Image.Image, contents: bytes) -> bool:
  """Whether all decoders make the same grey or RGB values of a file."""
  return (
    image.format == 'PNG'
    and image.mode in ('L', 'RGB')
    and contents[24] == 8  # bits per channel
    and 'transparency' not in image.info
  )


def is_deep(image: Image.Image, contents: bytes) -> bool:
  """Whether there are over 8 bits per channel, which Pillow may cut."""
  if image.mode[0] in 'IF':
    return True
  if image.format == 'TIFF':
    return max(image.tag_v2.get(_BITS_PER_SAMPLE, (8,))) > 8
  return image.format == 'PNG' and contents[24] > 8


def refuse_deep(path: str, image: Image.Image, contents: bytes) -> None:
  """Raises a UserError for over 8 bits per channel."""
  if is_deep(image, contents):
    raise errors.UserError(
      f'{path} has more than 8 bits per channel (mode {image.mode}): convert'
      ' it to 8 bits, choosing yourself which range matters.'
    )


def is_rotated(image: Image.Image) -> bool:
  """Whether EXIF data says that the pixels are to be turned for viewing."""
  return image.getexif().get(_ORIENTATION) not in _UPRIGHT


def _refuse_long(file: pathlib.Path) -> None:
  size = file.stat().st_size
  if size > _MAX_BYTES:
    raise errors.UserError(
      f'{file} has {size} bytes, more than {_MAX_BYTES} that an image may have:'
      ' cut it into tiles, or remove it.'
    )


def _open(file: BinaryIO, max_pixels: int) -> Image.Image:
  """An image of which only the header was read."""
  advice = f'at most {max_pixels} are allowed: cut it into tiles'
  if max_pixels < MAX_PIXELS:
    advice += ', or raise --max_image_pixels'
  try:
    image = Image.open(file, formats=_FORMATS)
  except Image.DecompressionBombError as error:  # above twice Pillow's limit
    raise errors.UserError(
      f'has more than {2 * Image.MAX_IMAGE_PIXELS} pixels, {advice}.'
    ) from error
  if image.width * image.height > max_pixels:
    raise errors.UserError(
      f'has {image.width} x {image.height} pixels, {advice}.'
    )
  return image


def _decode(contents: bytes, max_pixels: int) -> Image.Image:
  with warnings.catch_warnings():
    warnings.simplefilter('ignore')  # Pillow's notes on EXIF and large images
    image = _open(io.BytesIO(contents), max_pixels)
    if image.format == 'PNG':
      _open(io.BytesIO(contents), max_pixels).verify()  # checksums
    if image.format != 'MPO' and getattr(image, 'n_frames', 1) > 1:
      raise errors.UserError(
        f'has {image.n_frames} frames: save the frame you mean as a still PNG.'
      )
    if _lacks_end(image.format, contents):
      raise errors.UserError(
        'is cut off (its end marker is missing): restore or remove it.'
      )
    image.load()
  return image


def _reason(error: Exception) -> str:
  if isinstance(error, Image.UnidentifiedImageError):
    return 'not an image format Pillow knows'
  return str(error).rstrip('.') or type(error).__name__


def _lacks_end(image_format: str | None, contents: bytes) -> bool:
  """Whether the end marker is missing, which decoders overlook."""
  if image_format in ('JPEG', 'MPO'):
    return contents.rfind(b'\xff\xd9') < contents.rfind(b'\xff\xda')
  return image_format == 'PNG' and contents.rfind(b'IEND') < 0


def _kept_format(image: Image.Image, contents: bytes) -> str | None:
  """The format to record when the contents can be kept, else None."""
  if image.format in ('JPEG', 'MPO') and image.mode in ('L', 'RGB'):
    return 'jpeg'
  return 'png' if is_plain_png(image, contents) else None


def _upright(
  path: str, image: Image.Image, mask_size: tuple[int, int] | None
) -> tuple[Image.Image, bool]:
  """Applies an EXIF rotation if the mask says that it applies."""
  if not is_rotated(image):
    return image, False
  orientation = image.getexif()[_ORIENTATION]
  stored = (image.height, image.width)
  is_decidable = orientation in _TRANSPOSED and stored[0] != stored[1]
  if is_decidable and mask_size == stored:
    return image, False
  if is_decidable and mask_size == stored[::-1]:
    turn = {
      5: Image.Transpose.TRANSPOSE,
      6: Image.Transpose.ROTATE_270,
      7: Image.Transpose.TRANSVERSE,
      8: Image.Transpose.ROTATE_90,
    }[orientation]
    return image.transpose(turn), True
  if is_decidable and mask_size is not None:
    return image, False  # The sizes differ either way, which is said elsewhere.
  raise errors.UserError(
    f'{path} carries EXIF orientation {orientation}, and its mask does not'
    ' tell whether the rotation applies: rotate the pixels'
    ' (mogrify -auto-orient) or remove the tag (exiftool -Orientation=).'
  )
