"""Reading image files for conversion: what is unusual is refused in words.

TensorFlow-free: worker processes import this module.
"""

from __future__ import annotations

import dataclasses
import io
import os
import pathlib
import re
import struct
import warnings
from typing import BinaryIO

import numpy as np
from PIL import Image

from deeplab_nas import errors
from deeplab_nas.data import file_structure, orientation, other_files

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
  '.mpo',
  '.jp2',
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
_BITS_PER_SAMPLE = 258  # TIFF tag
# Width, height and largest value of a PGM or PPM file, between comments.
_PNM_HEADER = re.compile(
  rb'P[2356]' + 2 * rb'(?:\s+|#[^\n]*\n)+\d+' + rb'(?:\s+|#[^\n]*\n)+(\d+)'
)
_PNG_SIZE = struct.Struct('>16xII')
_BYTE_MODES = ('1', 'L', 'LA', 'P', 'PA', 'RGB', 'RGBA', 'CMYK', 'YCbCr')


@dataclasses.dataclass(frozen=True)
class Decoded:
  """A decoded file.

  Attributes:
    image: Its pixels as they are stored.
    contents: What was decoded: the file, or the sound part of it.
    is_whole: Whether that is the file.
    image_format: Pillow's name of it.
    max_value: Of what a channel can hold in the file; Pillow stretches the
      values of less than 8 bits, and may cut those of more.
    orientation: How to turn the pixels, see `orientation.turned`.
  """

  image: Image.Image
  contents: bytes
  is_whole: bool
  image_format: str | None
  max_value: int
  orientation: int

  @property
  def is_deep(self) -> bool:
    """Whether there are over 8 bits per channel."""
    return self.image.mode[0] in 'IF' or self.max_value > 255

  @property
  def is_plain_png(self) -> bool:
    """Whether all decoders make the same grey or RGB values of it."""
    return (
      self.image_format == 'PNG'
      and self.image.mode in ('L', 'RGB')
      and self.max_value == 255
      and 'transparency' not in self.image.info
    )


@dataclasses.dataclass(frozen=True)
class ImageFile:
  """An image as it goes into a record, and as a model is given it.

  Attributes:
    encoded: Contents of a JPEG or PNG file with 8 bits per channel, of upright
      pixels; `example_schema.decode_image` reads it.
    image_format: 'jpeg' or 'png'.
    size: (height, width).
    channel_sums: Sum of the (red, green, blue) values over all pixels.
    note: A change the user should know of, or None.
    is_kept: Whether `encoded` is the file as it was found.
    orientation: What the file noted; the pixels have been turned accordingly.
  """

  encoded: bytes
  image_format: str
  size: tuple[int, int]
  channel_sums: tuple[float, float, float]
  note: str | None = None
  is_kept: bool = False
  orientation: int = orientation.UPRIGHT


def load(path: str, max_pixels: int = MAX_PIXELS) -> Decoded:
  """Opens and fully decodes a still image.

  What its header says to have more than `max_pixels` is not decoded.

  Raises:
    UserError: If it is missing, damaged, too large or no still image.
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
    return _decode(contents, max_pixels)
  except errors.UserError as error:
    raise errors.UserError(f'{path} {error}') from error
  # Decoders raise whatever they like on damaged files.
  except Exception as error:
    known = other_files.explain(contents)
    if known:
      raise errors.UserError(f'{path} {known}.') from error
    raise errors.UserError(
      f'{path} cannot be decoded ({_reason(error)}): restore or remove it.'
    ) from error


def refuse_large(path: str | os.PathLike, max_pixels: int = MAX_PIXELS) -> None:
  """Raises a UserError for an image of too many pixels; reads its header alone.

  What is no image to Pillow is left to others to judge.
  """
  _refuse_long(pathlib.Path(path))
  try:
    with warnings.catch_warnings(), open(path, 'rb') as file:
      warnings.simplefilter('ignore')
      start = file.read(_PNG_SIZE.size)
      if start.startswith(file_structure.PNG_SIGNATURE):
        # Pillow would read all text that comes before the pixels.
        _check_size(_PNG_SIZE.unpack(start), max_pixels)
        return
      file.seek(0)
      _open(file, max_pixels)
  except errors.UserError as error:
    raise errors.UserError(f'{path} {error}') from error
  except Exception:
    return


def read(path: str, max_pixels: int = MAX_PIXELS) -> ImageFile:
  """Reads an image, upright; JPEG and PNG contents are kept where possible.

  Converters, prediction and clients all call it, so that a file has the same
  pixels everywhere: grey repeats, alpha and colour profiles are left out.

  Args:
    path: The image file.
    max_pixels: As in `load`.

  Raises:
    UserError: As in `load`, and for pixels that are not 8 bits of grey, RGB,
      CMYK or a palette.
  """
  decoded = load(path, max_pixels)
  image, contents = decoded.image, decoded.contents
  if decoded.is_deep:
    raise errors.UserError(
      f'{path} has more than 8 bits per channel (mode {image.mode}): convert'
      ' it to 8 bits, choosing yourself which range matters.'
    )
  if image.mode not in _BYTE_MODES:
    raise errors.UserError(
      f'{path} is an image of mode {image.mode}: save it as RGB.'
    )
  note = None
  if 'A' in image.getbands() or 'transparency' in image.info:
    note = 'an alpha channel was dropped'
  image_format = None
  if decoded.orientation == orientation.UPRIGHT:
    image_format = _kept_format(decoded)
  rgb = image if image.mode == 'RGB' else image.convert('RGB')
  rgb = orientation.turned(rgb, decoded.orientation)
  is_kept = image_format is not None and decoded.is_whole
  if image_format is None:
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
    decoded.orientation,
  )


def encode_png(image: Image.Image) -> bytes:
  stream = io.BytesIO()
  image.save(stream, 'PNG')
  return stream.getvalue()


def _refuse_long(file: pathlib.Path) -> None:
  size = file.stat().st_size
  if size > _MAX_BYTES:
    raise errors.UserError(
      f'{file} has {size} bytes, more than {_MAX_BYTES} that an image may have:'
      ' cut it into tiles, or remove it.'
    )


def _open(file: BinaryIO, max_pixels: int) -> Image.Image:
  """An image of which only the header was read."""
  try:
    image = Image.open(file, formats=_FORMATS)
  except Image.DecompressionBombError as error:  # above twice Pillow's limit
    raise errors.UserError(
      f'has more than {2 * Image.MAX_IMAGE_PIXELS} pixels,'
      f' {_advice(max_pixels)}.'
    ) from error
  _check_size(image.size, max_pixels)
  return image


def _check_size(size: tuple[int, int], max_pixels: int) -> None:
  """Raises a UserError if width times height is too much."""
  width, height = size
  if width * height > max_pixels:
    raise errors.UserError(
      f'has {width} x {height} pixels, {_advice(max_pixels)}.'
    )


def _advice(max_pixels: int) -> str:
  advice = f'at most {max_pixels} are allowed: cut it into tiles'
  if max_pixels < MAX_PIXELS:
    advice += ', or raise --max_image_pixels'
  return advice


def _decode(contents: bytes, max_pixels: int) -> Decoded:
  with warnings.catch_warnings():
    warnings.simplefilter('ignore')  # Pillow's notes on EXIF and large images
    sound = file_structure.sound_part(contents)
    stripped = file_structure.without_text(sound)
    image = _open(io.BytesIO(stripped), max_pixels)
    if image.format != 'MPO' and getattr(image, 'n_frames', 1) > 1:
      raise errors.UserError(
        f'has {image.n_frames} frames: save the frame you mean as a still PNG.'
      )
    return _loaded(image, sound, sound is contents)


def _loaded(image: Image.Image, contents: bytes, is_whole: bool) -> Decoded:
  """Decodes an opened image; its pixels are those stored."""
  image_format, max_value = image.format, _max_value(image, contents)
  if image_format == 'TIFF':
    # Newer versions of Pillow turn TIFF files, and then forget the note.
    noted = orientation.noted(image)
    image.load()
    if noted != orientation.noted(image):
      image = orientation.stored(image, noted)
  else:
    image.load()
    noted = orientation.noted(image)
  return Decoded(image, contents, is_whole, image_format, max_value, noted)


def _max_value(image: Image.Image, contents: bytes) -> int:
  """The largest value that a channel can hold in a file."""
  if image.format == 'PNG':
    return 2 ** contents[24] - 1
  if image.format == 'TIFF':
    return 2 ** max(image.tag_v2.get(_BITS_PER_SAMPLE, (8,))) - 1
  if image.format == 'PPM':
    match = _PNM_HEADER.match(contents)
    return int(match[1]) if match else 255
  return 255


def _reason(error: Exception) -> str:
  if isinstance(error, Image.UnidentifiedImageError):
    return 'not an image format Pillow knows'
  return str(error).rstrip('.') or type(error).__name__


def _kept_format(decoded: Decoded) -> str | None:
  """The format to record when the contents can be kept, else None."""
  if decoded.image_format in ('JPEG', 'MPO'):
    return 'jpeg' if decoded.image.mode in ('L', 'RGB') else None
  return 'png' if decoded.is_plain_png else None
