from __future__ import annotations

import numpy as np
import pytest

from deeplab_nas.data import palettes


def test_voc_colours_are_those_of_the_devkit():
  palette = palettes.pascal_voc_palette(256)
  assert palette[:4] == ((0, 0, 0), (128, 0, 0), (0, 128, 0), (128, 128, 0))
  assert palette[255] == (224, 224, 192)
  assert len(set(palette)) == 256


@pytest.mark.parametrize('num_classes', [1, 2, 19, 40])
def test_chosen_colours_differ(num_classes):
  palette = palettes.distinct_palette(num_classes)
  assert len(set(palette)) == num_classes
  assert all(0 <= part <= 255 for colour in palette for part in colour)


def test_colorize_paints_classes_and_leaves_the_rest_black():
  mask = np.array([[0, 1], [255, 2]])
  painted = palettes.colorize(mask, ((1, 2, 3), (4, 5, 6)))
  assert painted.tolist() == [[[1, 2, 3], [4, 5, 6]], [[0, 0, 0], [0, 0, 0]]]


def test_cityscapes_ids_are_the_official_ones():
  ids = dict(zip(palettes.CITYSCAPES_LABEL_IDS, palettes.CITYSCAPES))
  names = {label_id: name for label_id, (name, _) in ids.items()}
  assert names[7] == 'road' and names[26] == 'car' and names[33] == 'bicycle'
  assert names[24] == 'person' and len(names) == 19
