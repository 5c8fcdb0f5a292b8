"""What a client does with files: sends them upright, and keeps the masks.

A served graph decodes JPEG and PNG files as their pixels are stored. So it is
given files that say what converters and prediction make of them: turned as
their EXIF data asks, without alpha, other formats as PNG.
"""

from __future__ import annotations

import errno
import os
import pathlib
from collections.abc import Iterable, Mapping
from typing import Protocol

import numpy as np
from absl import logging
from PIL import Image

from deeplab_nas import errors
from deeplab_nas.data import image_files
from deeplab_nas.serving import reply


class Masks(Protocol):
  """What gives masks; `client.Client` is one."""

  def mask(self, contents: bytes) -> np.ndarray:
    """uint8 [H, W] of a JPEG or PNG file."""


def targets(
  sources: Iterable[pathlib.Path], folder: pathlib.Path
) -> dict[pathlib.Path, pathlib.Path]:
  """The file of each image's mask; none may replace another or an image.

  Raises:
    UserError: If one would.
  """
  by_target = {}
  for source in sources:
    target = folder / f'{source.stem}.png'
    other = by_target.setdefault(target, source)
    errors.require(
      other == source,
      f'{other} and {source} would both give {target}: send them separately.',
    )
    errors.require(
      not _is_same(source, target),
      f'The mask of {source} would replace it: choose another --output_dir.',
    )
  return {source: target for target, source in by_target.items()}


def segment(
  client: Masks,
  files: Mapping[pathlib.Path, pathlib.Path],
  max_pixels: int = image_files.MAX_PIXELS,
) -> list[str]:
  """Writes a mask for each image; what has none does not stop the others.

  Args:
    client: Gives the masks.
    files: For each image the file of its mask, a grey PNG of its upright size.
    max_pixels: Larger images are not sent.

  Returns:
    One sentence for each image without a mask.

  Raises:
    UserError: If the server is not there or answers nonsense.
  """
  problems = []
  for source, target in files.items():
    try:
      image_files.refuse_large(source, max_pixels)
      contents = image_files.read(os.fspath(source), max_pixels).encoded
    except errors.UserError as error:
      problems.append(str(error))
      continue
    try:
      _write(target, client.mask(contents))
    except reply.RefusedImage as error:
      problems.append(
        f'{source} has no mask, since the server cannot use it: {error}.'
      )
      continue
    except OSError as error:
      if error.errno != errno.ENAMETOOLONG:
        raise
      problems.append(f'The name of {source} is too long for that of a mask.')
      continue
    logging.info('%s', target)
  return problems


def _is_same(source: pathlib.Path, target: pathlib.Path) -> bool:
  try:
    return target.samefile(source)
  except OSError:  # it is not there, or its name is too long
    return False


def _write(target: pathlib.Path, mask: np.ndarray) -> None:
  target.parent.mkdir(parents=True, exist_ok=True)
  partial = target.with_name(f'.{os.getpid()}.part')
  try:
    Image.fromarray(mask).save(partial, 'PNG')
    os.replace(partial, target)
  finally:
    partial.unlink(missing_ok=True)
