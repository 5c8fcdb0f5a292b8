"""Builds small folders of images and masks for the tests."""

from __future__ import annotations

import os
import pathlib

import numpy as np
from PIL import Image

SIZE = (12, 16)  # height, width


def picture(seed: int = 0, size=SIZE) -> np.ndarray:
  """Random uint8 [H, W, 3]."""
  return np.random.default_rng(seed).integers(0, 256, [*size, 3], np.uint8)


def stripes(values=(0, 1, 2, 255), size=SIZE) -> np.ndarray:
  """uint8 [H, W] with all of the values, in columns."""
  columns = np.resize(np.array(values, np.uint8), size[1])
  return np.broadcast_to(columns, size).copy()


class TinyFolder:
  """images/, masks/ and labels.txt with four sound pairs a, b, c, d."""

  def __init__(self, root: pathlib.Path, names='abcd'):
    self.root = root
    self.write('labels.txt', 'sky\nroad\ncar\n')
    for seed, name in enumerate(names):
      self.image(f'{name}.png', picture(seed))
      self.mask(f'{name}.png', stripes())

  def path(self, name: str) -> pathlib.Path:
    path = self.root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    return path

  def write(self, name: str, contents: str | bytes) -> pathlib.Path:
    if isinstance(contents, str):
      contents = contents.encode('utf-8')
    path = self.path(name)
    path.write_bytes(contents)
    return path

  def image(self, name: str, pixels, **options) -> pathlib.Path:
    return self._save(f'images/{name}', pixels, options)

  def mask(self, name: str, pixels, **options) -> pathlib.Path:
    return self._save(f'masks/{name}', pixels, options)

  def remove(self, name: str) -> None:
    (self.root / name).unlink()

  def _save(self, name, pixels, options) -> pathlib.Path:
    if not isinstance(pixels, Image.Image):
      pixels = Image.fromarray(pixels)
    path = self.path(name)
    pixels.save(path, **options)
    return path


def palette_mask(indices: np.ndarray, colours) -> Image.Image:
  """A palette image with the given colours at 0, 1, 2, ..."""
  image = Image.fromarray(indices).convert('L')
  table = [part for colour in colours for part in colour]
  image.putpalette(table + [0] * (768 - len(table)))
  return image


def die(pair, rules, max_pixels):
  """Ends its process, in the place of what reads a pair."""
  os._exit(9)
