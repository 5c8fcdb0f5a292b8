"""The canvas of the synthetic scenes: draws image and mask in perspective."""

from __future__ import annotations

import dataclasses

import numpy as np
from PIL import Image, ImageDraw

from deeplab_nas.data import palettes

IGNORED = 255
CLASSES = {name: i for i, (name, _) in enumerate(palettes.CITYSCAPES)}
_CAMERA_HEIGHT = 1.5  # metres


@dataclasses.dataclass
class Canvas:
  """An image and its mask under the pen, with the camera that looks at them."""

  rng: np.random.Generator
  height: int
  width: int

  def __post_init__(self):
    size = (self.width, self.height)
    self.image = Image.new('RGB', size)
    self.mask = Image.new('L', size, IGNORED)
    self._pens = ImageDraw.Draw(self.image), ImageDraw.Draw(self.mask)
    self.horizon = self.height * self.rng.uniform(0.38, 0.5)
    self.centre = self.width * self.rng.uniform(0.38, 0.62)
    self.focal = 0.62 * self.width * self.rng.uniform(0.85, 1.15)

  def project(self, x: float, y: float, z: float) -> tuple[float, float]:
    """Pixel (column, row) of a point of the world."""
    z = max(z, 0.3)
    return (
      self.centre + self.focal * x / z,
      self.horizon + self.focal * (_CAMERA_HEIGHT - y) / z,
    )

  def polygon(self, points, colour, name: str | None) -> None:
    """Fills a polygon of world points; a name of None leaves the mask alone."""
    corners = [self.project(*point) for point in points]
    self._pens[0].polygon(corners, tuple(colour))
    if name is not None:
      self._pens[1].polygon(corners, CLASSES[name])

  def ellipse(self, x, y, z, radii, colour, name: str | None) -> None:
    """Fills an upright ellipse around a world point, radii in metres."""
    left, top = self.project(x - radii[0], y + radii[1], z)
    right, bottom = self.project(x + radii[0], y - radii[1], z)
    box = (left, top, max(right, left + 1), max(bottom, top + 1))
    self._pens[0].ellipse(box, tuple(colour))
    if name is not None:
      self._pens[1].ellipse(box, CLASSES[name])

  def upright(self, x, y, z, width, height, colour, name: str | None) -> None:
    """Fills a rectangle that faces the camera; (x, y) is its lower middle."""
    left, right = x - width / 2, x + width / 2
    self.polygon(
      [
        (left, y, z),
        (right, y, z),
        (right, y + height, z),
        (left, y + height, z),
      ],
      colour,
      name,
    )

  def shade(self, colour, spread: int = 12) -> tuple[int, ...]:
    """A colour near the given one."""
    change = self.rng.integers(-spread, spread + 1, 3)
    return tuple(np.clip(np.add(colour, change), 0, 255).astype(int).tolist())

  def grey(self, low: int, high: int) -> tuple[int, ...]:
    return self.shade([int(self.rng.integers(low, high))] * 3, 8)
