"""A model as a notebook uses it: arrays, files and Pillow images in, masks out.

model = deeplab_nas.load('runs/train')     # or the folder of an export
mask = model.predict('photo.jpg')          # uint8 [H, W]
picture = model.colorize(mask)             # uint8 [H, W, 3]
"""

from __future__ import annotations

import os
from typing import Any

import numpy as np
from PIL import Image

from deeplab_nas import commands, errors, paths
from deeplab_nas.data import (
  dataset_info,
  orientation,
  palettes,
  sample_sheet,
)
from deeplab_nas.serving import model_source, prediction
from deeplab_nas.space import genotype as genotype_lib

_CHANNELS = (1, 3, 4)  # grey, RGB, RGB and alpha


class Predictor:
  """Segments whatever holds images.

  Images are one of: the path of a file; a Pillow image; an array [H, W, 3],
  [H, W] or [H, W, 4], of which alpha is left out; a batch of arrays
  [B, H, W, 3]; or a list of these. Numbers are in [0, 255], or, if none is
  above 1 and they are floating-point, in [0, 1].

  Attributes:
    info: Class names, palette and ignore label.
    genotype: The architecture.
  """

  def __init__(self, model: model_source.Model):
    self._model = model

  @property
  def info(self) -> dataset_info.DatasetInfo:
    return self._model.info

  @property
  def genotype(self) -> genotype_lib.Genotype:
    return self._model.genotype

  @property
  def classes(self) -> tuple[str, ...]:
    """Names of the classes; a mask has their indices."""
    return self.info.class_names

  @property
  def num_classes(self) -> int:
    return self.info.num_classes

  @property
  def palette(self) -> tuple[tuple[int, int, int], ...]:
    """(red, green, blue) of each class."""
    return self.info.palette

  def predict(self, images: Any) -> np.ndarray | list[np.ndarray]:
    """The most probable class of each pixel.

    Args:
      images: See the class.

    Returns:
      uint8 [H, W] of one image, [B, H, W] of a batch, a list of a list.

    Raises:
      ValueError: If these are no images; says what was given.
      UserError: If a file cannot be read.
    """
    return self._each(images, self._model.classes)

  __call__ = predict

  def probabilities(self, images: Any) -> np.ndarray | list[np.ndarray]:
    """As `predict`, float32 [H, W, C] of one image, and so on."""
    return self._each(images, self._model.probabilities)

  def colorize(self, mask: np.ndarray) -> np.ndarray:
    """uint8 [..., 3], a mask [...] in the colours of its classes."""
    return palettes.colorize(np.asarray(mask), self.palette)

  def overlay(self, image: Any, mask: np.ndarray | None = None) -> np.ndarray:
    """uint8 [H, W, 3], one image under the colours of its classes.

    Args:
      image: See the class.
      mask: uint8 [H, W], what was predicted; None predicts it.
    """
    pixels = as_pixels(image)
    if pixels.ndim != 3:
      raise ValueError(
        f'an overlay is of one image, not of the shape {list(pixels.shape)}'
      )
    mask = self.predict(pixels) if mask is None else np.asarray(mask)
    return sample_sheet.overlay(pixels, mask, self.info)

  def __repr__(self) -> str:
    names = ', '.join(self.classes[:4]) + ', ...' * (len(self.classes) > 4)
    return f'Predictor of {len(self.classes)} classes ({names})'

  def _each(self, images, segment):
    if isinstance(images, (list, tuple)):
      return [self._each(image, segment) for image in images]
    array = as_pixels(images)
    if array.ndim == 4:
      return segment(array)
    return segment(array[np.newaxis])[0]


def as_pixels(images: Any) -> np.ndarray:
  """uint8 [H, W, 3] or [B, H, W, 3] of what `Predictor` takes, but for lists.

  Raises:
    ValueError: If these are no images.
    UserError: If a file cannot be read.
  """
  if isinstance(images, (str, os.PathLike)):
    path = paths.expand_given(images)
    errors.require(
      not os.path.isdir(path),
      f'{path} is a folder: give its files, as a list, or segment it with'
      f' {commands.name("predict")} {commands.flag("images", path)}.',
    )
    return prediction.read_image(path)
  if isinstance(images, (bytes, bytearray)) or images is None:
    raise ValueError(
      f'images are of type {type(images).__name__}, expected a path, a Pillow'
      ' image or an array [H, W, 3]'
    )
  if isinstance(images, Image.Image):
    if images.mode[0] in 'IF':  # a conversion would cut values off at 255
      raise ValueError(
        f'an image of mode {images.mode} has more than 8 bits per channel:'
        ' convert it, choosing yourself which range matters'
      )
    upright = orientation.turned(
      images.convert('RGB'), orientation.noted(images)
    )
    return np.asarray(upright)
  array = np.asarray(images)
  if array.ndim == 2:
    array = array[..., np.newaxis]
  if array.ndim not in (3, 4) or array.shape[-1] not in _CHANNELS:
    raise ValueError(
      f'images have the shape {list(np.shape(images))}, expected [H, W, 3] or'
      ' [B, H, W, 3]'
    )
  if not array.size:
    raise ValueError(f'images of shape {list(array.shape)} have no pixels')
  array = _bytes(array)
  if array.shape[-1] == 1:
    return array.repeat(3, axis=-1)
  return array[..., :3]


def _bytes(array: np.ndarray) -> np.ndarray:
  """uint8 of numbers in [0, 255], or floating-point ones in [0, 1]."""
  if array.dtype == np.uint8:
    return array
  if array.dtype.kind not in 'iuf':
    raise ValueError(
      f'images have the type {array.dtype}, expected uint8 or floating point'
    )
  low, high = array.min(), array.max()
  if not (low >= 0 and high <= 255):  # NaN fails too
    raise ValueError(
      f'images have values from {low} to {high}, expected 0 to 255'
    )
  if array.dtype.kind == 'f' and high <= 1:
    array = 255 * array
  return np.rint(array).astype(np.uint8)
