from __future__ import annotations

import numpy as np
import pytest

from deeplab_nas.data import palettes, street_scenes

NAMES = [name for name, _ in palettes.CITYSCAPES]


def draw(seed: int, height: int = 64, width: int = 128):
  return street_scenes.draw(np.random.default_rng(seed), height, width)


def test_equal_seeds_give_equal_scenes():
  for first, second in zip(draw(3), draw(3)):
    np.testing.assert_array_equal(first, second)
  assert (draw(3)[0] != draw(4)[0]).any()


def test_scenes_hold_the_promised_classes():
  found = set()
  for seed in range(12):
    found |= set(np.unique(draw(seed)[1]).tolist())
  expected = ['sky', 'road', 'sidewalk', 'building', 'vegetation', 'car']
  expected += ['person', 'pole', 'traffic sign']
  assert found == {NAMES.index(name) for name in expected} | {255}


@pytest.mark.parametrize('size', [(16, 16), (97, 129), (128, 64)])
def test_any_size_can_be_drawn(size):
  image, mask = draw(0, *size)
  assert image.shape == (*size, 3) and image.dtype == np.uint8
  assert mask.shape == size and mask.dtype == np.uint8


def test_sky_is_above_the_road():
  _, mask = draw(1)
  rows = np.arange(64)[:, None]
  sky = rows[np.any(mask == NAMES.index('sky'), axis=1)]
  road = rows[np.any(mask == NAMES.index('road'), axis=1)]
  assert sky.max() < road.max() and sky.mean() < road.mean()


def test_colour_alone_does_not_tell_the_class():
  """A lookup of the commonest class per colour must stay far from perfect."""
  scenes = [draw(seed) for seed in range(40)]
  codes = [(image // 32).astype(np.int64) @ [64, 8, 1] for image, _ in scenes]
  table = np.zeros([512, 256])
  for code, (_, mask) in zip(codes[:30], scenes[:30]):
    np.add.at(table, (code.ravel(), mask.ravel()), 1)
  best = table.argmax(1)
  right = [
    (best[code] == mask)[mask != 255].mean()
    for code, (_, mask) in zip(codes[30:], scenes[30:])
  ]
  assert np.mean(right) < 0.7
