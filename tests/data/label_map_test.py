from __future__ import annotations

import pytest

from deeplab_nas import errors
from deeplab_nas.data import label_map

NAMES = ('sky', 'road', 'car')


@pytest.mark.parametrize(
  ('text', 'values', 'colours'),
  [
    ('', {}, {}),
    ('255:1', {255: 1}, {}),
    ('255:1, 7:ignore,', {255: 1, 7: 255}, {}),
    ('3-5:road', {3: 1, 4: 1, 5: 1}, {}),
    ('1000:255', {1000: 255}, {}),
    ('-5:0,70000:1', {-5: 0, 70000: 1}, {}),
    ('#FF0080:car', {}, {(255, 0, 128): 2}),
  ],
)
def test_map_is_read(text, values, colours):
  assert label_map.parse(text, NAMES, 255) == (values, colours)


@pytest.mark.parametrize(
  ('text', 'words'),
  [
    ('255', 'value:class'),
    ('255:3', "'3' on its right"),
    ('255:' + '1' * 5000, 'on its right'),
    ('255:plane', "'plane' on its right"),
    ('x:1', "'x' on its left"),
    ('--1:1', "'--1' on its left"),
    ('#ff00:1', "'#ff00' on its left"),
    ('5-3:1', 'no range'),
    ('0-70000:1', 'no range'),
    ('9999999999:1', 'no range'),
    ('4:1,4:2', 'a second time'),
    ('4:', "'' on its right"),
  ],
)
def test_bad_map_is_refused(text, words):
  with pytest.raises(errors.UserError, match='--map') as refusal:
    label_map.parse(text, NAMES, 255)
  assert words in str(refusal.value)


def test_colours_are_written_as_they_are_read():
  assert label_map.format_colour((255, 0, 128)) == '#ff0080'
  assert label_map.parse_colour('#ff0080') == (255, 0, 128)
