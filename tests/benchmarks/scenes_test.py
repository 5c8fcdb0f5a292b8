"""Scenes that a converter takes, few of them drawn."""

from __future__ import annotations

from benchmarks import scenes
from deeplab_nas.data import conversion, layouts


def test_scenes_are_sound_and_only_some_are_drawn(tmp_path):
  scenes.make(tmp_path, {'train': 3, 'val': 2}, (32, 64), num_drawn=2)
  info = conversion.check(layouts.cityscapes(tmp_path), workers=1)
  assert {name: s.num_examples for name, s in info.splits.items()} == {
    'train': 3,
    'val': 2,
  }
  assert info.splits['train'].max_size == (32, 64)
  assert sum(info.splits['train'].class_pixels) > 0
  images = {path.read_bytes() for path in tmp_path.rglob('*_leftImg8bit.png')}
  assert len(images) == 2
