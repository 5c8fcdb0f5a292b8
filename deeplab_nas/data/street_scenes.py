"""Draws synthetic street scenes and their masks, in perspective.

The world is in metres: x to the right, y up from the ground, z ahead. Colours
of things overlap (grey cars on grey roads, green walls behind green trees) and
light, haze and noise vary, so that shapes and places must be learned as well.
"""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from deeplab_nas.data import scene_canvas

_SUPERSAMPLING = 2
_ROAD = 4.5  # half of its width
_FRONTS = 8.0  # distance of the house fronts from the middle of the road
_FAR = 90.0
_NEAR = 2.5
_SIGN_COLOURS = ((200, 30, 30), (30, 60, 190), (240, 200, 30), (235, 235, 235))
_CAR_PAINTS = (
  (200, 30, 30),
  (30, 50, 140),
  (235, 235, 235),
  (30, 30, 32),
  (120, 122, 125),
  (190, 190, 180),
  (70, 100, 70),
  (170, 120, 40),
)


def draw(
  rng: np.random.Generator, height: int, width: int
) -> tuple[np.ndarray, np.ndarray]:
  """Draws one scene.

  Args:
    rng: Decides everything about the scene.
    height: Pixels.
    width: Pixels.

  Returns:
    uint8 [height, width, 3], and uint8 [height, width] of Cityscapes train ids
    with 255 where nothing is labelled (the bonnet of the own car).
  """
  canvas = scene_canvas.Canvas(
    rng, _SUPERSAMPLING * height, _SUPERSAMPLING * width
  )
  _draw_sky(canvas)
  _draw_ground(canvas)
  for side in (-1, 1):
    _draw_fronts(canvas, side)
  things = _place_things(rng)
  for z, draw_thing, x in sorted(things, key=lambda thing: -thing[0]):
    draw_thing(canvas, x, z)
  if rng.random() < 0.5:
    _draw_bonnet(canvas)
  image = canvas.image.resize((width, height), Image.Resampling.BOX)
  start = _SUPERSAMPLING // 2
  mask = np.asarray(canvas.mask)[start::_SUPERSAMPLING, start::_SUPERSAMPLING]
  return _light(np.asarray(image), rng), mask.copy()


def _place_things(rng: np.random.Generator) -> list[tuple]:
  """(z, drawing function, x) of everything that stands on the ground."""
  things = []
  for side in (-1, 1):
    for _ in range(rng.integers(1, 5)):
      things.append((rng.uniform(7, 50), _draw_tree, side * 6.8))
    for _ in range(rng.integers(1, 4)):
      things.append((rng.uniform(5, 40), _draw_pole, side * 4.9))
    for _ in range(rng.integers(0, 4)):
      x = side * rng.uniform(5.0, 7.5)
      things.append((rng.uniform(4, 22), _draw_person, x))
    z = rng.uniform(5, 12)
    while z < 55:
      x = side * (3.6 if rng.random() < 0.6 else 1.6)
      things.append((z, _draw_car, x + rng.normal(0, 0.15)))
      z += rng.uniform(7, 22)
  if rng.random() < 0.35:
    things.append((rng.uniform(6, 16), _draw_person, rng.uniform(-3, 3)))
  return things


def _draw_sky(canvas: scene_canvas.Canvas) -> None:
  """A gradient with clouds."""
  rng = canvas.rng
  top = np.array(canvas.shade((95, 140, 205), 40), np.float32)
  low = np.array(canvas.shade((200, 210, 222), 25), np.float32)
  slope = np.linspace(0, 1, canvas.height)[:, None, None]  # [H, 1, 1]
  sky = np.broadcast_to(
    top + (low - top) * slope, [canvas.height, canvas.width, 3]
  )
  canvas.image.paste(Image.fromarray(sky.astype(np.uint8)))
  for _ in range(rng.integers(0, 7)):
    z = 60.0
    x, y = rng.uniform(-60, 60), rng.uniform(8, 35)
    for _ in range(4):
      place = (x + rng.normal(0, 4), y + rng.normal(0, 0.8), z)
      radii = (rng.uniform(3, 9), rng.uniform(0.8, 2.2))
      canvas.ellipse(*place, radii, canvas.grey(205, 245), None)
  canvas.image.paste(canvas.image.filter(ImageFilter.GaussianBlur(3)))
  canvas.mask.paste(
    scene_canvas.CLASSES['sky'], (0, 0, canvas.width, canvas.height)
  )


def _strip(x_left, x_right, z_near, z_far, y=0.0) -> list[tuple]:
  return [
    (x_left, y, z_near),
    (x_right, y, z_near),
    (x_right, y, z_far),
    (x_left, y, z_far),
  ]


def _draw_ground(canvas: scene_canvas.Canvas) -> None:
  """Pavement, road, kerbs and lane marks; all the way to the horizon."""
  rng = canvas.rng
  far = 1000.0
  pavement = canvas.grey(110, 175)
  canvas.polygon(_strip(-900, 900, 0.3, far), pavement, 'sidewalk')
  for z in np.arange(1.5, 40, 1.5):  # joints between the slabs
    joint = canvas.shade(np.multiply(pavement, 0.85), 4)
    canvas.polygon(_strip(-40, 40, z, z + 0.06), joint, None)
  road = canvas.grey(60, 125)
  canvas.polygon(_strip(-_ROAD, _ROAD, 0.3, far), road, 'road')
  for side in (-1, 1):
    kerb = canvas.grey(150, 200)
    edge = side * _ROAD
    canvas.polygon(_strip(edge, edge + side * 0.2, 0.3, far), kerb, 'sidewalk')
  paint = canvas.grey(190, 240)
  for z in np.arange(rng.uniform(1, 4), _FAR, 6.0):
    canvas.polygon(_strip(-0.08, 0.08, z, z + 3), paint, None)
  for _ in range(rng.integers(2, 7)):  # patches and shadows
    x, z = rng.uniform(-4, 3), rng.uniform(3, 25)
    corner = (x + rng.uniform(0.5, 2.5), z + rng.uniform(0.5, 4))
    patch = canvas.shade(np.multiply(road, rng.uniform(0.7, 1.15)), 5)
    right = min(corner[0], _ROAD)
    canvas.polygon(_strip(x, right, z, corner[1]), patch, None)


def _draw_fronts(canvas: scene_canvas.Canvas, side: int) -> None:
  """A row of houses on one side of the street, from far to near."""
  rng = canvas.rng
  z = _FAR
  while z > _NEAR:
    depth = rng.uniform(7, 16)
    if rng.random() < 0.8:
      _draw_house(canvas, side * _FRONTS, max(z - depth, 1.0), z)
    elif rng.random() < 0.7:
      _draw_tree(canvas, side * (_FRONTS + 3), z - depth / 2)
    z -= depth + (rng.uniform(1, 4) if rng.random() < 0.3 else 0)


def _draw_house(
  canvas: scene_canvas.Canvas, x, z_near: float, z_far: float
) -> None:
  """A house with windows: the wall along the street and the gable end."""
  rng = canvas.rng
  height = rng.uniform(5, 18)
  base = rng.choice(
    [
      (150, 90, 70),
      (190, 175, 150),
      (120, 120, 125),
      (205, 200, 195),
      (110, 125, 95),
      (175, 140, 95),
    ]
  )
  wall = canvas.shade(base, 20)
  gable = canvas.shade(np.multiply(wall, 0.75), 6)
  outer = x + np.sign(x) * 12
  canvas.polygon(
    [
      (x, 0, z_near),
      (outer, 0, z_near),
      (outer, height, z_near),
      (x, height, z_near),
    ],
    gable,
    'building',
  )
  canvas.polygon(
    [(x, 0, z_near), (x, 0, z_far), (x, height, z_far), (x, height, z_near)],
    wall,
    'building',
  )
  glass = canvas.shade((70, 85, 105), 35)
  spacing = rng.uniform(2.0, 3.2)
  for bottom in np.arange(1.0, height - 2, 3.0):
    for z in np.arange(z_near + 0.6, z_far - 1.2, spacing):
      top, end = bottom + 1.5, z + 0.5 * spacing
      canvas.polygon(
        [(x, bottom, z), (x, bottom, end), (x, top, end), (x, top, z)],
        canvas.shade(glass, 10),
        None,
      )


def _draw_tree(canvas: scene_canvas.Canvas, x, z) -> None:
  rng = canvas.rng
  height = rng.uniform(3.5, 7)
  trunk = canvas.shade((80, 62, 48), 12)
  canvas.upright(x, 0, z, 0.3, height * 0.6, trunk, 'vegetation')
  leaves = canvas.shade(
    (60, 105, 45) if rng.random() < 0.8 else (150, 110, 45), 22
  )
  for _ in range(28):
    angle, reach = rng.uniform(0, 2 * np.pi), rng.uniform(0, 1.3)
    place = (
      x + reach * np.cos(angle),
      height * 0.75 + reach * np.sin(angle),
      z,
    )
    tone = canvas.shade(np.multiply(leaves, rng.uniform(0.65, 1.25)), 8)
    canvas.ellipse(*place, (rng.uniform(0.3, 0.8),) * 2, tone, 'vegetation')


def _draw_pole(canvas: scene_canvas.Canvas, x, z) -> None:
  """A lamp post, or a post with a traffic sign."""
  rng = canvas.rng
  metal = canvas.grey(70, 170)
  if rng.random() < 0.35:
    canvas.upright(x, 0, z, 0.16, 6, metal, 'pole')
    arm = x - np.sign(x) * 0.8
    canvas.upright((x + arm) / 2, 5.9, z, 0.9, 0.14, metal, 'pole')
    return
  canvas.upright(x, 0, z, 0.13, 3.0, metal, 'pole')
  colour = canvas.shade(_SIGN_COLOURS[rng.integers(len(_SIGN_COLOURS))], 15)
  inside = canvas.grey(215, 250)
  shape = rng.integers(3)
  if shape == 0:
    canvas.ellipse(x, 3.0, z, (0.45, 0.45), colour, 'traffic sign')
    canvas.ellipse(x, 3.0, z, (0.28, 0.28), inside, None)
  elif shape == 1:
    for size, tone, name in (
      (0.55, colour, 'traffic sign'),
      (0.3, inside, None),
    ):
      canvas.polygon(
        [
          (x - size, 3 - 0.7 * size, z),
          (x + size, 3 - 0.7 * size, z),
          (x, 3 + size, z),
        ],
        tone,
        name,
      )
  else:
    canvas.upright(x, 2.55, z, 0.8, 0.9, colour, 'traffic sign')
    canvas.upright(x, 2.8, z, 0.45, 0.4, inside, None)


def _draw_person(canvas: scene_canvas.Canvas, x, z) -> None:
  rng = canvas.rng
  scale = rng.uniform(0.85, 1.1)
  coat = canvas.shade(rng.integers(20, 230, 3), 10)
  trousers = canvas.shade((50, 50, 70), 35)
  skin = canvas.shade(rng.choice([(225, 185, 160), (120, 85, 65)]), 15)
  stride = rng.uniform(0.02, 0.22)
  for foot in (-stride, stride):
    canvas.polygon(
      [
        (x + foot - 0.08, 0, z),
        (x + foot + 0.08, 0, z),
        (x + 0.14, 0.9 * scale, z),
        (x - 0.14, 0.9 * scale, z),
      ],
      trousers,
      'person',
    )
  canvas.ellipse(x, 1.12 * scale, z, (0.24, 0.36 * scale), coat, 'person')
  canvas.ellipse(x, 1.58 * scale, z, (0.11, 0.15), skin, 'person')


def _draw_car(canvas: scene_canvas.Canvas, x, z) -> None:
  """A car seen from behind or in front, with the side that is visible."""
  rng = canvas.rng
  paint = canvas.shade(_CAR_PAINTS[rng.integers(len(_CAR_PAINTS))], 14)
  dark = canvas.shade(np.multiply(paint, 0.7), 4)
  glass, tyre = canvas.shade((45, 55, 68), 12), canvas.grey(15, 35)
  length, half, roof = rng.uniform(3.6, 4.6), 0.88, rng.uniform(1.35, 1.75)
  canvas.polygon(
    _strip(x - 1.05, x + 1.05, z - 0.25, z + length), (32, 32, 36), None
  )
  inner = x - np.sign(x) * half  # the side towards the middle of the road
  upper = x - np.sign(x) * half * 0.8
  for wheel in (z + 0.7, z + length - 0.8):
    canvas.ellipse(inner, 0.32, wheel, (0.2, 0.32), tyre, 'car')
  canvas.polygon(
    [
      (inner, 0.28, z),
      (inner, 0.28, z + length),
      (inner, 0.9, z + length),
      (upper, roof, z + length * 0.7),
      (upper, roof, z),
      (inner, 0.9, z),
    ],
    dark,
    'car',
  )
  canvas.polygon(
    [
      (inner, 0.95, z + 0.5),
      (inner, 0.95, z + length * 0.75),
      (upper, roof - 0.1, z + length * 0.65),
      (upper, roof - 0.1, z + 0.6),
    ],
    glass,
    None,
  )
  for wheel in (x - 0.68, x + 0.68):
    canvas.upright(wheel, 0, z, 0.24, 0.4, tyre, 'car')
  canvas.upright(x, 0.25, z, 2 * half, 0.7, paint, 'car')
  for bottom, width, top, tone in (
    (0.93, half, roof, paint),
    (1.0, half - 0.12, roof - 0.12, glass),
  ):
    canvas.polygon(
      [
        (x - width, bottom, z),
        (x + width, bottom, z),
        (x + width * 0.8, top, z),
        (x - width * 0.8, top, z),
      ],
      tone,
      'car',
    )
  lamp = (200, 25, 25) if x > 0 else (240, 235, 200)
  for place in (x - 0.7, x + 0.7):
    canvas.upright(place, 0.65, z, 0.26, 0.16, lamp, None)
  canvas.upright(x, 0.42, z, 0.5, 0.13, (225, 225, 220), None)


def _draw_bonnet(canvas: scene_canvas.Canvas) -> None:
  """The own car's bonnet, which Cityscapes does not label."""
  height, width = canvas.height, canvas.width
  top = height * canvas.rng.uniform(0.92, 0.97)
  box = (-0.1 * width, top, 1.1 * width, height + 2 * (height - top))
  ImageDraw.Draw(canvas.image).ellipse(box, canvas.grey(20, 90))
  ImageDraw.Draw(canvas.mask).ellipse(box, scene_canvas.IGNORED)


def _light(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
  """Light, colour cast, texture, haze and noise on uint8 [H, W, 3]."""
  height, width = image.shape[:2]
  pixels = image.astype(np.float32) / 255
  coarse = Image.fromarray(rng.uniform(0, 1, [6, 12]).astype(np.float32))
  clouds = np.asarray(coarse.resize((width, height), Image.Resampling.BICUBIC))
  pixels *= (0.8 + 0.4 * clouds)[..., None]  # patches of shadow
  pixels *= 1 + rng.normal(0, 0.05, [height, width, 1])  # rough surfaces
  pixels *= rng.uniform(0.65, 1.15) * rng.uniform(0.93, 1.07, 3)
  haze = rng.uniform(0, 0.25)
  pixels = pixels * (1 - haze) + 0.75 * haze
  pixels += rng.normal(0, rng.uniform(0.005, 0.03), pixels.shape)
  return (255 * np.clip(pixels, 0, 1)).round().astype(np.uint8)
