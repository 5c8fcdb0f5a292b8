"""Masks of a folder of images, as files.

masks/a.png          class indices, 8-bit grey, at the image's size
overlays/a.jpg       the image under the colours of its classes; .png where it
                     is too long for JPEG
contact_sheet.png    the first images side by side with their overlays
"""

from __future__ import annotations

import errno
import io
import os
import pathlib
from collections.abc import Callable, Sequence

import numpy as np
import tensorflow as tf
from absl import logging
from PIL import Image

from deeplab_nas import errors
from deeplab_nas.data import (
  dataset_info,
  example_schema,
  image_files,
  masks,
  sample_sheet,
)

MASKS, OVERLAYS, SHEET = 'masks', 'overlays', 'contact_sheet.png'
_MAX_SHEET_IMAGES = 12
_MAX_JPEG_SIDE = 65_500  # pixels, of libjpeg
_NO_MEMORY = ('ResourceExhaustedError', 'MemoryError')

Segment = Callable[[np.ndarray], np.ndarray]


def read_image(
  path: str | os.PathLike[str], max_pixels: int = image_files.MAX_PIXELS
) -> np.ndarray:
  """An image as a model is given it, uint8 [H, W, 3].

  The pixels are those that a converter puts into a record: upright, grey
  repeated, without alpha.

  Raises:
    UserError: If the file is missing, damaged, of more than `max_pixels` or of
      more than 8 bits, naming it.
  """
  image = image_files.read(os.fspath(path), max_pixels)
  return example_schema.decode_image(tf.constant(image.encoded)).numpy()


def predict(
  segment: Segment,
  images: Sequence[pathlib.Path],
  info: dataset_info.DatasetInfo,
  output_dir: str | os.PathLike[str],
  max_pixels: int = image_files.MAX_PIXELS,
) -> list[str]:
  """Writes mask and overlay of every image, and the contact sheet.

  An image that cannot be read or segmented is left out; the others are still
  segmented.

  Args:
    segment: Gives classes uint8 [H, W] of an image uint8 [H, W, 3].
    images: Image files.
    info: Class names and palette.
    output_dir: Where the files go.
    max_pixels: Larger images are left out undecoded.

  Returns:
    One sentence for each image that was left out.
  """
  folder = pathlib.Path(output_dir)
  problems, shown = [], []
  for path, name in zip(images, output_names(images)):
    try:
      image = read_image(path, max_pixels)
      mask = _segmented(segment, image, path)
      _write_result(folder, name, image, mask, info)
    except errors.UserError as error:
      problems.append(str(error))
      continue
    except OSError as error:
      if error.errno != errno.ENAMETOOLONG:
        raise
      problems.append(f'The name of {path} is too long for that of a mask.')
      continue
    if len(shown) < _MAX_SHEET_IMAGES:
      shown.append((name, *sample_sheet.thinned(image, mask)))
    logging.info('%s: %s', name, _largest(mask, info))
  if shown:
    sample_sheet.draw(shown, info).save(folder / SHEET)
  return problems


def _segmented(
  segment: Segment, image: np.ndarray, path: pathlib.Path
) -> np.ndarray:
  try:
    return segment(image)
  except Exception as error:
    # Named, not imported: TensorFlow's and Python's.
    if type(error).__name__ not in _NO_MEMORY:
      raise
    height, width = image.shape[:2]
    raise errors.UserError(
      f'{path} has {width} x {height} pixels, too many for the memory of this'
      ' device: segment it in tiles with --tile=513.'
    ) from error


def _write_result(
  folder: pathlib.Path,
  name: str,
  image: np.ndarray,
  mask: np.ndarray,
  info: dataset_info.DatasetInfo,
) -> None:
  _write(folder / MASKS / f'{name}.png', masks.encode(mask))
  # Larger sides do not fit into the format's header.
  suffix = '.jpg' if max(image.shape[:2]) <= _MAX_JPEG_SIDE else '.png'
  stream = io.BytesIO()
  Image.fromarray(sample_sheet.overlay(image, mask, info)).save(
    stream, Image.registered_extensions()[suffix], quality=92
  )
  _write(folder / OVERLAYS / f'{name}{suffix}', stream.getvalue())


def output_names(images: Sequence[pathlib.Path]) -> list[str]:
  """For each image its path below the folder that all share, without suffix.

  Suffixes stay if two images differ by nothing else.
  """
  root = os.path.commonpath([os.path.abspath(path.parent) for path in images])
  names = [
    pathlib.Path(os.path.relpath(os.path.abspath(path), root))
    for path in images
  ]
  plain = [name.with_suffix('') for name in names]
  chosen = plain if len(set(plain)) == len(names) else names
  return [name.as_posix() for name in chosen]


def _write(path: pathlib.Path, contents: bytes) -> None:
  path.parent.mkdir(parents=True, exist_ok=True)
  path.write_bytes(contents)


def _largest(mask: np.ndarray, info: dataset_info.DatasetInfo) -> str:
  """'road 41 %, sky 22 %, car 9 %': the three largest classes."""
  counts = np.bincount(mask.ravel(), minlength=info.num_classes)
  order = counts.argsort()[::-1][:3]
  return ', '.join(
    f'{info.class_names[i]} {100 * counts[i] / mask.size:.0f} %'
    for i in order
    if counts[i]
  )
