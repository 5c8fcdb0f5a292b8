"""Masks of a folder of images, as files.

masks/a.png          class indices, 8-bit grey, at the image's size
overlays/a.jpg       the image under the colours of its classes
contact_sheet.png    the first images side by side with their overlays
"""

from __future__ import annotations

import glob
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
_SHEET_WIDTH = 320  # pixels; larger images are thinned out

Segment = Callable[[np.ndarray], np.ndarray]


def find_images(
  pattern: str, output_dir: str | os.PathLike[str] | None = None
) -> list[pathlib.Path]:
  """Image files of a path: a file, a folder with its subfolders, or a glob.

  Args:
    pattern: The path.
    output_dir: Files below it are results of an earlier call, not images.

  Raises:
    UserError: If there is none.
  """
  path = pathlib.Path(pattern).expanduser()
  if path.is_dir():
    found = path.rglob('*')
  elif path.exists():
    return [path]
  else:
    found = map(pathlib.Path, glob.glob(str(path), recursive=True))
  images = sorted(
    file
    for file in found
    if file.suffix.lower() in image_files.EXTENSIONS
    and not _is_below(file, output_dir)
  )
  if not images:
    raise errors.UserError(
      f'--images={pattern} has no image ({", ".join(image_files.EXTENSIONS)}).'
    )
  return images


def _is_below(
  file: pathlib.Path, folder: str | os.PathLike[str] | None
) -> bool:
  if folder is None:
    return False
  return pathlib.Path(folder).resolve() in file.resolve().parents


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

  An image that cannot be read is left out; the others are still segmented.

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
    except errors.UserError as error:
      problems.append(str(error))
      continue
    mask = segment(image)
    overlay = sample_sheet.overlay(image, mask, info)
    _write(folder / MASKS / f'{name}.png', masks.encode(mask))
    overlay_path = folder / OVERLAYS / f'{name}.jpg'
    overlay_path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(overlay).save(overlay_path, quality=92)
    if len(shown) < _MAX_SHEET_IMAGES:
      step = max(image.shape[1] // _SHEET_WIDTH, 1)
      shown.append((name, image[::step, ::step], mask[::step, ::step]))
    logging.info('%s: %s', name, _largest(mask, info))
  if shown:
    sample_sheet.draw(shown, info).save(folder / SHEET)
  return problems


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
